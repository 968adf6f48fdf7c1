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
    'spec.action.http.url',
    `${host} is the API server. Describe the call with type Kubernetes: a call to the API server never matches an HTTP action`,
  );
}

function audienceIsNotTheApiServers(
  { grant }: GrantFacts,
  { apiServerAudiences }: AdmissionSettings,
): ProblemError | null {
  const audience = grant.spec.credential?.serviceAccountToken?.audience;
  if (audience === undefined || !apiServerAudiences.includes(audience)) return null;
  return invalid(
    'spec.credential.serviceAccountToken.audience',
    `${audience} is the API server's own audience. Name the audience of the called service, or describe the call with type Kubernetes`,
  );
}

function requesterDecidesInPerson(
  { grant, requester }: GrantFacts,
  { controllerUsername }: AdmissionSettings,
): ProblemError | null {
  if (!grant.spec.approvedByRequester) return null;
  if (requester === controllerUsername) {
    return forbidden(
      'spec.approvedByRequester',
      'the ActionGrant controller asks and never decides. Leave the field out',
    );
  }
  const mark = findTrackingMark(grant.metadata);
  if (mark === null) return null;
  return forbidden(
    mark.field,
    `${mark.tool} marks with this what it creates again whenever it is gone, so one commit would be unlimited actions. Create the grant with kubectl create and without the mark, or leave spec.approvedByRequester out`,
  );
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
  return forbidden(
    'spec.approvedByRequester',
    `${requester} may not create actiondecisions.actiongrant.dev in the namespace ${grant.metadata.namespace}, so may not decide by asking. Leave the field out and have someone else decide, or have the role actiongrant-decider bound to you there`,
  );
}

function requesterMayDelegate({ grant, requester, mayDelegate }: GrantFacts): ProblemError | null {
  const account = grant.spec.credential?.serviceAccountToken?.serviceAccountName;
  if (!grant.spec.approvedByRequester || account === undefined || mayDelegate) return null;
  return forbidden(
    'spec.credential.serviceAccountToken.serviceAccountName',
    `${requester} may not delegate the ServiceAccount ${grant.metadata.namespace}/${account}. Leave spec.approvedByRequester out and have someone else decide, or have a Role bound to you there with: apiGroups [""], resources [serviceaccounts], resourceNames [${account}], verbs [delegate]`,
  );
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

function invalid(field: string, reason: string): ProblemError {
  return new ProblemError('GrantInvalid', `${field}: ${reason}.`, { field });
}

function forbidden(field: string, reason: string): ProblemError {
  return new ProblemError('GrantForbidden', `${field}: ${reason}.`, { field });
}
