/** What the sidecar knows of a type of credential: where it goes on a request, and what of it must never come back. */

import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { Secret } from '../../core/text/secret.ts';

/** A text that no answer may bring to the agent while it is live. */
export interface SecretText {
  /** As it is sent. Not even its beginning passes, as it stands. */
  readonly whole: string;
  /** The part of it that nobody can know or guess; found in pieces and in every form that software writes it in. */
  readonly unguessable: string;
}

export interface CredentialType {
  /** The headers that carry the credential, names in lower case. Whatever the agent says under these names is not sent. */
  headers(token: Secret): readonly HeaderPair[];
  /** What answers are scanned for, as long as it is live. */
  secretTexts(token: Secret): readonly SecretText[];
}
