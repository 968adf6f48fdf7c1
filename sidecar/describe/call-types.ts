/** The one table of the types of actions as the sidecar sees them. A new type is a file of its own, and an entry here. */

import type { Action } from '../../core/action/action.ts';
import type { CallType } from './call-type.ts';
import type { ActionDescription } from './description.ts';
import { HTTP_CALL } from './http-call.ts';
import { KUBERNETES_CALL } from './kubernetes-call.ts';
import type { Target } from './target.ts';

type DescriptionOf<T extends Action['type']> = Extract<ActionDescription, { action: { type: T } }>;

/** Exhaustive: an Action without an entry does not compile. HTTP takes every call, and so comes last. */
const CALL_TYPES: { readonly [T in Action['type']]: CallType<DescriptionOf<T>> } = {
  Kubernetes: KUBERNETES_CALL,
  HTTP: HTTP_CALL,
};

const IN_ORDER: readonly CallType<ActionDescription>[] = Object.values(CALL_TYPES);

/** The type of a call to this target. */
export function callTypeFor(target: Target): CallType<ActionDescription> {
  return IN_ORDER.find((type) => type.takes(target)) ?? HTTP_CALL;
}

/** The entry for what was described. It sees only descriptions of its own type, and these are. */
export function callType({ action }: ActionDescription): CallType<ActionDescription> {
  return CALL_TYPES[action.type];
}
