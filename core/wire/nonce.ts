import { textMatching } from '../text/members.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The name of a use: made by the sidecar, never used again. @throws ProblemError RequestMalformed, naming the member */
export function parseNonce(value: unknown, field = 'nonce'): string {
  return textMatching(value, field, UUID_V4, 'a lower-case UUID version 4');
}
