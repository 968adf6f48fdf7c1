/**
 * What a new grant must be besides what its schema says. Rules are a table, each from facts to a refusal; they are run in
 * order, and the first refusal is the answer.
 */

import type { GrantedAction } from '../../../core/action/grant.ts';
import { secretInClear } from '../../../core/action/secrets-in-clear.ts';
import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { agentNamespace } from '../../../core/api/grant.ts';
import { ACCEPTS_GRANTS_ANNOTATION, API_SERVER_NAME } from '../../../core/api/names.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import { holdsToken } from '../../../core/text/secret-text.ts';
import { withoutBrackets } from '../../../core/text/url.ts';
import type { ApiAudiences } from '../../credentials/api-audiences.ts';
import { credentialFault, lentObject } from '../../credentials/credentials.ts';
import { acceptsGrantsFrom } from '../../grants/consent.ts';
import type { GrantRefusal } from '../../grants/grant-refusal.ts';
import { DECIDED_BY_THE_CONTROLLER, markedBy, REQUESTER_MAY_NOT_DECIDE } from './grant-refusals.ts';
import { findTrackingMark } from './tracking-marks.ts';
import { findHiddenText } from './visible-texts.ts';

/** What is known of this cluster. */
export interface AdmissionSettings {
  /** Username of our own ServiceAccount. */
  controllerUsername: string;
  /** Further names (lower case) and addresses (without brackets) of the API server, beside those every cluster has. */
  apiServerHosts: readonly string[];
  /** Audiences that the API server accepts: a token for one of them is a credential for the whole cluster. */
  apiServerAudiences: Pick<ApiAudiences, 'includes'>;
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
  /** Whether the requester may delegate the object whose credential the grant lends. */
  mayDelegate: boolean;
  /** Grants for the same agent that wait for a decision, as far as this replica has heard. */
  awaitingDecision: number;
}

type Rule = (facts: GrantFacts, settings: AdmissionSettings) => ProblemError | null;

/** The rules that need nothing looked up, then those that do: a grant that can never be is refused without a question. */
export const FORM_RULES: readonly Rule[] = [
  everyTextIsVisible,
  secretsAreDigests,
  actionIsNotTheApiServerByHttp,
  credentialIsLendable,
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

/** P18: whoever may read grants would hold the secret. Grants that are stored are not asked: they go on as they are. */
function secretsAreDigests({ grant }: GrantFacts): ProblemError | null {
  const found = secretInClear(grant.spec.action);
  if (found !== undefined) return invalid(found.field, found.reason);
  if (!holdsToken(grant.spec.justification)) return null;
  return invalid(
    'spec.justification',
    'it holds a token, and many may read grants. Say what the token is for, and leave the token out',
  );
}

function everyTextIsVisible({ grant }: GrantFacts): ProblemError | null {
  const hidden = findHiddenText(grant);
  return hidden === undefined ? null : invalid(hidden.field, hidden.reason);
}

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

function credentialIsLendable(
  { grant }: GrantFacts,
  settings: AdmissionSettings,
): ProblemError | null {
  const fault = credentialFault(grant, settings);
  return fault === undefined ? null : invalid(fault.field, fault.reason);
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
  const lent = lentObject(grant);
  if (!grant.spec.approvedByRequester || lent === undefined || mayDelegate) return null;
  const { field, reason } = lent.mayNotDelegate(requester);
  return forbidden(field, reason);
}

/** P17: an agent that asks without end would leave the deciders no attention for other agents. */
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
