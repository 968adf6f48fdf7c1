/** What the sidecar knows of a type of credential: where it goes on a request, and what of it must never come back. */

import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { Secret } from '../../core/text/secret.ts';

/** A text that the answer to a credentialed request must not repeat. */
export interface SecretText {
  /** Found as it stands, however short it is. */
  readonly whole: string;
  /** The part of it that nobody can know or guess; found in pieces and encodings, too. */
  readonly unguessable: string;
}

export interface CredentialType {
  /** The headers that carry the credential, names in lower case. Whatever the agent says under these names is not sent. */
  headers(token: Secret): readonly HeaderPair[];
  /** What the answer is scanned for. */
  secretTexts(token: Secret): readonly SecretText[];
}
