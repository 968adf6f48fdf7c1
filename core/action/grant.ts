/**
 * What a grant says, brought into the one form in which it is compared. Used by admission (so that a grant that could never
 * match is refused when it is made), by the controller's index, and for summaries.
 */

import type { GrantAction } from '../api/generated/actiongrant.ts';
import { printable } from '../text/url.ts';
import { type Action, grantActionType } from './action.ts';
import type { WithoutBody } from './action-type.ts';
import type { BodyPattern } from './body.ts';
import { actionDigest } from './digest.ts';

/** A grant's action in the form in which it is matched. */
export interface GrantedAction {
  /** The field that holds the action of its type, such as `spec.action.http`. */
  field: string;
  /** What is compared. */
  action: WithoutBody<Action>;
  body: BodyPattern;
  digest: string;
  /** ≤ 160 printable ASCII characters, for people. */
  summary: string;
  /** Where the call goes, if the action has a field `url`. */
  url?: { scheme: 'http' | 'https'; host: string; port: number };
}

const SUMMARY_LIMIT = 160;

/**
 * Reads `spec.action` strictly.
 * @throws ProblemError GrantInvalid, naming the field and the way out
 */
export function grantedAction(granted: GrantAction): GrantedAction {
  const type = grantActionType(granted.type);
  const { action: stated, body, url } = type.stated(granted);
  const action = type.canonical(stated, 'grant');
  return {
    field: `spec.action.${type.member}`,
    action,
    body,
    digest: actionDigest(action, body),
    summary: summarize(type.summary(action), body),
    ...(url && { url: { scheme: url.scheme, host: url.host, port: url.port } }),
  };
}

/** `Any` shows in every listing; hostile text is made printable. */
function summarize(text: string, body: BodyPattern): string {
  const suffix = body.form === 'Any' ? ' (any body)' : '';
  const clean = printable(text, Number.POSITIVE_INFINITY);
  const room = SUMMARY_LIMIT - suffix.length;
  return (clean.length > room ? `${clean.slice(0, room - 3)}...` : clean) + suffix;
}
