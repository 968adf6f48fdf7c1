/**
 * Where a call and a grant meet. Both are reduced to the same canonical text, so that matching is one look-up by digest
 * however many grants there are, and what a grant does not mention is absent from the text: a call that has it differs.
 */

import { canonicalJson, type JsonValue } from '../text/json.ts';
import { sha256Hex } from '../text/sha256.ts';
import type { Action } from './action.ts';
import type { WithoutBody } from './action-type.ts';
import { type BodyForm, type BodyPattern, waysToState } from './body.ts';

export interface ActionKey {
  form: BodyForm;
  /** SHA-256, 64 hex digits. */
  digest: string;
}

/** Digest of an action with one way of stating its body. */
export function actionDigest(action: WithoutBody<Action>, body: BodyPattern): string {
  // Every member takes part, whatever the type: one that was left out would be a member that a grant cannot bound. The body
  // of the call itself is replaced, so that only what the pattern says of it does.
  const text = canonicalJson({ ...action, body } as unknown as JsonValue);
  return sha256Hex(text);
}

/** Every key under which a grant for this call may be found, the most specific first. */
export function actionKeys(call: Action): ActionKey[] {
  return waysToState(call.body).map(({ pattern, form }) => ({
    form,
    digest: actionDigest(call, pattern),
  }));
}
