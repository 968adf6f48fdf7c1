/**
 * Where a call and a grant meet. Both are reduced to the same canonical text, so that matching is one look-up by digest
 * however many grants there are, and what a grant does not mention is absent from the text: a call that has it differs.
 */

import { hash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '../text/json.ts';
import type { Action, ActionBody } from './action.ts';

/** How the body takes part in the match: as canonical JSON, by raw bytes, not at all (`Any`), or there is none. */
export type BodyForm = 'None' | 'JSON' | 'SHA256' | 'Any';

/** A body as a grant states it; `sha256` (hex) is of the RFC 8785 bytes for JSON and of the raw bytes for SHA256. */
export type BodyPattern =
  | { form: 'None' }
  | { form: 'JSON'; sha256: string }
  | { form: 'SHA256'; sha256: string }
  | { form: 'Any' };

export interface ActionKey {
  form: BodyForm;
  /** SHA-256, 64 hex digits. */
  digest: string;
}

/** An Action with its body replaced by the pattern that a grant would state. */
type ActionPattern = Omit<Action, 'body'>;

/** Digest of an action with one way of stating its body. */
export function actionDigest(action: ActionPattern, body: BodyPattern): string {
  // The body of the call itself is replaced, so that only what the pattern says takes part.
  const text = canonicalJson({ ...action, body } as unknown as JsonValue);
  return sha256Hex(text);
}

/** Every key under which a grant for this call may be found, the most specific first. */
export function actionKeys(call: Action): ActionKey[] {
  return bodyPatterns(call.body).map((body) => ({
    form: body.form,
    digest: actionDigest(call, body),
  }));
}

/** The ways to state this body in a grant, the most specific first. */
function bodyPatterns(body: ActionBody): BodyPattern[] {
  switch (body.kind) {
    case 'none':
      return [{ form: 'None' }];
    case 'unread':
      return [{ form: 'Any' }];
    case 'bytes':
      return [
        ...(body.jsonSha256 === undefined
          ? []
          : [{ form: 'JSON', sha256: body.jsonSha256 } as const]),
        { form: 'SHA256', sha256: body.sha256 },
        { form: 'Any' },
      ];
  }
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}
