/**
 * An Action: what a call would do, described from the bytes on the wire. Every field is present and canonical, so that two
 * Actions are the same exactly if their canonical JSON is.
 *
 * This is the one table of the types of actions. A new type is a file that exports its `ActionType`, and an entry here.
 */

import type { GrantActionType } from '../api/generated/actiongrant.ts';
import { oneOf, record } from '../text/members.ts';
import type { ActionType } from './action-type.ts';
import { invalid } from './grant-field.ts';
import { HTTP, type HttpAction } from './http.ts';
import { KUBERNETES, type KubernetesAction } from './kubernetes.ts';

export type Action = HttpAction | KubernetesAction;

/** Exhaustive: an Action without an entry does not compile. */
const ACTION_TYPES: {
  readonly [T in Action['type']]: ActionType<Extract<Action, { type: T }>>;
} = { HTTP, Kubernetes: KUBERNETES };

/** Types that the CRD knows and this version does not; what their grants are told. */
const UNSUPPORTED: { readonly [T in Exclude<GrantActionType, Action['type']>]: string } = {
  MCP: 'MCP actions are not supported by this version; use HTTP with the exact body of the call',
};

const SUPPORTED_NAMES = Object.keys(ACTION_TYPES) as readonly Action['type'][];

/** Every type that a grant may name, for metrics: their label sets are closed. */
export const ACTION_TYPE_NAMES: readonly string[] = [
  ...SUPPORTED_NAMES,
  ...Object.keys(UNSUPPORTED),
];

/** The entry for this action. It sees only actions of its own type, and these are. */
export function actionType({ type }: Pick<Action, 'type'>): ActionType<Action> {
  return ACTION_TYPES[type];
}

/** The entry for a grant's action. @throws ProblemError GrantInvalid for a type that this version does not support */
export function grantActionType(type: GrantActionType): ActionType<Action> {
  if (isUnsupported(type)) throw invalid('spec.action.type', UNSUPPORTED[type]);
  return ACTION_TYPES[type];
}

function isUnsupported(type: GrantActionType): type is keyof typeof UNSUPPORTED {
  return Object.hasOwn(UNSUPPORTED, type);
}

/** The wire form, `action` in a use request. @throws ProblemError RequestMalformed, naming the member */
export function parseAction(value: unknown): Action {
  const { type } = record(value, 'action', ['type'], null) as { type: unknown };
  return ACTION_TYPES[oneOf(type, 'action.type', SUPPORTED_NAMES)].parse(value);
}
