/** The one table of the types of actions as the sidecar sees them. A new type is a file of its own, and an entry here. */

import type { Action } from '../../core/action/action.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { CallType } from './call-type.ts';
import type { RequestHeaders } from './headers.ts';
import { HTTP_CALL, type HttpDescription } from './http-call.ts';
import { KUBERNETES_CALL, type KubernetesDescription } from './kubernetes-call.ts';
import type { Target } from './target.ts';

/** A call that a grant may cover, described as far as its head goes. */
export type ActionDescription = HttpDescription | KubernetesDescription;

type DescriptionOf<T extends Action['type']> = Extract<ActionDescription, { action: { type: T } }>;

/** Exhaustive: an Action without an entry does not compile. HTTP takes every call but those to the API server, and so comes last. */
const CALL_TYPES: { readonly [T in Action['type']]: CallType<DescriptionOf<T>> } = {
  Kubernetes: KUBERNETES_CALL,
  HTTP: HTTP_CALL,
};

const IN_ORDER: readonly CallType<ActionDescription>[] = Object.values(CALL_TYPES);

/** The type of a call, by what was read of its head. @throws ProblemError Internal if it has none: fail closed */
export function callTypeFor(target: Target, headers: RequestHeaders): CallType<ActionDescription> {
  const type = IN_ORDER.find((entry) => entry.takes(target, headers));
  if (type === undefined) throw new ProblemError('Internal', 'No type of action takes the call.');
  return type;
}

/** The entry for what was described. It sees only descriptions of its own type, and these are. */
export function callType({ action }: ActionDescription): CallType<ActionDescription> {
  return CALL_TYPES[action.type];
}
