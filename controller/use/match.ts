/**
 * Which grant a call may use. Pure. The index has already brought agent and action together; every rule is checked again
 * here on the grant itself, so that nothing rests on what an index or a status says of it.
 */

import type { BodyForm } from '../../core/action/body.ts';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { agentNamespace, attemptsUsed } from '../../core/api/grant.ts';
import { MAX_ATTEMPTS } from '../../core/api/names.ts';
import { compareTimes } from '../../core/kubernetes/time.ts';
import { isPrepared } from '../credentials/credentials.ts';
import { digestOf } from '../grants/granted.ts';
import type { Caller } from './caller.ts';

/** A call, reduced to what grants are compared with. */
export interface CallFacts {
  caller: Caller;
  nonce: string;
  /** The digest under which the grant was found. */
  digest: string;
  /** Wall clock, ms. */
  now: number;
  /** Whether the agent's namespace accepts grants of this other namespace. */
  acceptsGrantsFrom(agentNamespace: string, grantNamespace: string): boolean;
}

interface Rule {
  reason: string;
  refuses(grant: ActionGrant, call: CallFacts): boolean;
}

/** Every rule of step 1 of a use, with the reason that a refused caller is told. */
const RULES = [
  { reason: 'is not approved', refuses: (g) => g.status?.phase !== 'Approved' },
  { reason: 'is being deleted', refuses: (g) => g.metadata.deletionTimestamp !== undefined },
  {
    reason: 'has expired',
    refuses: (g, { now }) => !(now < Date.parse(g.status?.expirationTime ?? '')),
  },
  {
    reason: 'is for another agent',
    refuses: (g, { caller }) =>
      agentNamespace(g) !== caller.namespace ||
      g.spec.agent.serviceAccountName !== caller.serviceAccountName,
  },
  {
    reason: 'is for another pod of the agent',
    refuses: ({ spec: { agent } }, { caller }) =>
      (agent.podName !== undefined && agent.podName !== caller.podName) ||
      (agent.podUID !== undefined && agent.podUID !== caller.podUID),
  },
  {
    reason: "is in a namespace whose grants the agent's namespace does not accept",
    refuses: (g, { caller, acceptsGrantsFrom }) =>
      g.metadata.namespace !== caller.namespace &&
      !acceptsGrantsFrom(caller.namespace, g.metadata.namespace),
  },
  {
    reason: 'is for another action',
    refuses: (g, { digest }) => digestOf(g) !== digest,
  },
  {
    reason: 'was already tried by this call',
    refuses: (g, { nonce }) => g.status?.uses?.some((use) => use.id === nonce) ?? false,
  },
  { reason: 'has no attempts left', refuses: (g) => attemptsUsed(g) >= MAX_ATTEMPTS },
  {
    reason: 'has no credential to mint from',
    refuses: (g) => !isPrepared(g),
  },
] as const satisfies readonly Rule[];

export type Mismatch = (typeof RULES)[number]['reason'];

/** Why this grant does not permit the call; undefined: it does. */
export function mismatch(grant: ActionGrant, call: CallFacts): Mismatch | undefined {
  return RULES.find((rule) => rule.refuses(grant, call))?.reason;
}

/** The best grant first: the one that states most of the call, then the one that expires first. */
export function preferred(
  a: { grant: ActionGrant; form: BodyForm },
  b: { grant: ActionGrant; form: BodyForm },
): number {
  return (
    FORM_ORDER.indexOf(a.form) - FORM_ORDER.indexOf(b.form) ||
    compareTimes(a.grant.status?.expirationTime ?? '', b.grant.status?.expirationTime ?? '')
  );
}

const FORM_ORDER: readonly BodyForm[] = ['None', 'JSON', 'SHA256', 'Any'];
