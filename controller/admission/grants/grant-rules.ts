/**
 * What a new grant must be besides what its schema says. Rules are a table, each from facts to a refusal; they are run in
 * order, and the first refusal is the answer.
 */

import type { GrantedAction } from '../../../core/action/grant.ts';
import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { agentNamespace } from '../../../core/api/grant.ts';
import { ACCEPTS_GRANTS_ANNOTATION } from '../../../core/api/names.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import { withoutBrackets } from '../../../core/text/url.ts';
import { acceptsGrantsFrom } from '../../grants/consent.ts';
import {
  AUDIENCE_OF_THE_API_SERVER,
  DECIDED_BY_THE_CONTROLLER,
  type GrantRefusal,
  markedBy,
  REQUESTER_MAY_NOT_DECIDE,
  REQUESTER_MAY_NOT_DELEGATE,
} from './grant-refusals.ts';
import { findTrackingMark } from './tracking-marks.ts';

/** What is known of this cluster. */
export interface AdmissionSettings {
  /** Username of our own ServiceAccount. */
  controllerUsername: string;
  /** Further names (lower case) and addresses (without brackets) of the API server, beside those every cluster has. */
  apiServerHosts: readonly string[];
  /** Audiences that the API server accepts: a token for one of them is a credential for the whole cluster. */
  apiServerAudiences: readonly string[];
  /** Grants for one agent that may wait for a decision at a time. */
  maxPendingPerAgent: number;
}

/** What was looked up for one grant. */
export interface GrantFacts {
  grant: ActionGrant;
  action: GrantedAction;
  requester: string;
  /** Annotations of the agent's namespace; null if there is no such namespace. */
  agentNamespaceAnnotations: Readonly<Record<string, string>> | null;
  /** Whether the requester may create actiondecisions here. */
  mayDecide: boolean;
  /** Whether the requester may delegate the credential's ServiceAccount. */
  mayDelegate: boolean;
  /** Grants for the same agent that wait for a decision, as far as this replica has heard. */
  awaitingDecision: number;
}

type Rule = (facts: GrantFacts, settings: AdmissionSettings) => ProblemError | null;

/** The rules that need nothing looked up, then those that do: a grant that can never be is refused without a question. */
export const FORM_RULES: readonly Rule[] = [
  actionIsNotTheApiServerByHttp,
  audienceIsNotTheApiServers,
  requesterDecidesInPerson,
];
export const AUTHORITY_RULES: readonly Rule[] = [
  agentNamespaceConsents,
  requesterMayDecide,
  requesterMayDelegate,
  agentHasRoomToWait,
];

/** The first refusal among the rules, or null. */
export function decideGrant(
  rules: readonly Rule[],
  facts: GrantFacts,
  settings: AdmissionSettings,
): ProblemError | null {
  for (const rule of rules) {
    const refusal = rule(facts, settings);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** The Service `kubernetes` in every spelling that DNS search paths and cluster domains allow. */
const API_SERVER_NAME = /^kubernetes(?:\.default(?:\.svc(?:\..*)?)?)?$/;

function actionIsNotTheApiServerByHttp(
  { action }: GrantFacts,
  { apiServerHosts }: AdmissionSettings,
): ProblemError | null {
  if (action.url === undefined) return null;
  const host = withoutBrackets(action.url.host);
  if (!API_SERVER_NAME.test(host) && !apiServerHosts.includes(host)) return null;
  return invalid(
    `${action.field}.url`,
    `${host} is the API server. Describe the call with type Kubernetes: a call to the API server never matches an HTTP action`,
  );
}

function audienceIsNotTheApiServers(
  { grant }: GrantFacts,
  { apiServerAudiences }: AdmissionSettings,
): ProblemError | null {
  const audience = grant.spec.credential?.serviceAccountToken?.audience;
  if (audience === undefined || !apiServerAudiences.includes(audience)) return null;
  return invalid(AUDIENCE_OF_THE_API_SERVER.field, AUDIENCE_OF_THE_API_SERVER.reason({ audience }));
}

function requesterDecidesInPerson(
  { grant, requester }: GrantFacts,
  { controllerUsername }: AdmissionSettings,
): ProblemError | null {
  if (!grant.spec.approvedByRequester) return null;
  if (requester === controllerUsername) return refusedBy(DECIDED_BY_THE_CONTROLLER, {});
  const mark = findTrackingMark(grant.metadata);
  if (mark === null) return null;
  return forbidden(mark.field, markedBy(mark.tool));
}

function agentNamespaceConsents({
  grant,
  agentNamespaceAnnotations,
}: GrantFacts): ProblemError | null {
  const { namespace } = grant.metadata;
  const agents = agentNamespace(grant);
  if (acceptsGrantsFrom(agents, agentNamespaceAnnotations ?? undefined, namespace)) return null;
  return forbidden(
    'spec.agent.namespace',
    `the namespace ${agents} does not accept grants from ${namespace}. Create the grant in ${agents}, or have its owner add ${namespace} to the annotation: kubectl annotate --overwrite namespace ${agents} ${ACCEPTS_GRANTS_ANNOTATION}=${namespace}`,
  );
}

function requesterMayDecide({ grant, requester, mayDecide }: GrantFacts): ProblemError | null {
  if (!grant.spec.approvedByRequester || mayDecide) return null;
  const { namespace } = grant.metadata;
  return refusedBy(REQUESTER_MAY_NOT_DECIDE, { requester, namespace });
}

function requesterMayDelegate({ grant, requester, mayDelegate }: GrantFacts): ProblemError | null {
  const account = grant.spec.credential?.serviceAccountToken?.serviceAccountName;
  if (!grant.spec.approvedByRequester || account === undefined || mayDelegate) return null;
  const { namespace } = grant.metadata;
  return refusedBy(REQUESTER_MAY_NOT_DELEGATE, { requester, namespace, account });
}

/** Threat 17: whoever asks without end leaves the deciders no attention for anybody else. */
function agentHasRoomToWait(
  { grant, awaitingDecision }: GrantFacts,
  { maxPendingPerAgent }: AdmissionSettings,
): ProblemError | null {
  if (grant.spec.approvedByRequester || awaitingDecision < maxPendingPerAgent) return null;
  const { serviceAccountName } = grant.spec.agent;
  return forbidden(
    'spec.agent',
    `${awaitingDecision} grants for ${agentNamespace(grant)}/${serviceAccountName} wait for a decision, and limits.maxPendingPerAgent is ${maxPendingPerAgent}. Wait until some are decided or expire, or delete what nobody needs: kubectl get actiongrants --all-namespaces --field-selector status.phase=Pending,spec.agent.serviceAccountName=${serviceAccountName}`,
  );
}

function refusedBy<V extends Record<string, string>>(
  { field, reason }: GrantRefusal<V>,
  values: V,
): ProblemError {
  return forbidden(field, reason(values));
}

function invalid(field: string, reason: string): ProblemError {
  return new ProblemError('GrantInvalid', `${field}: ${reason}.`, { field });
}

function forbidden(field: string, reason: string): ProblemError {
  return new ProblemError('GrantForbidden', `${field}: ${reason}.`, { field });
}
