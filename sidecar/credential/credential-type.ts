/** What the sidecar knows of a type of credential: where it goes on a request, and what of it must never come back. */

import type { Secret } from '../../core/text/secret.ts';

/** A header as it goes over the wire, lower-case name. */
export type CredentialHeader = readonly [name: string, value: string];

/** A text that the answer to a credentialed request must not repeat. */
export interface SecretText {
  /** Found as it stands, however short it is. */
  readonly whole: string;
  /** The part of it that nobody can know or guess; found in pieces and encodings, too. */
  readonly unguessable: string;
}

export interface CredentialType {
  /** The headers that carry the credential. Whatever the agent says under these names is not sent. */
  headers(token: Secret): readonly CredentialHeader[];
  /** What the answer is scanned for. */
  secretTexts(token: Secret): readonly SecretText[];
}
