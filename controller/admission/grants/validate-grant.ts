/** The validating webhook: looks up what the rules need, decides, answers. */

import { grantedAction } from '../../../core/action/grant.ts';
import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { agentNamespace } from '../../../core/api/grant.ts';
import { API_GROUP } from '../../../core/api/names.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import type { CallOptions, KubernetesClient } from '../../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../../core/kubernetes/error.ts';
import { namespaces } from '../../../core/kubernetes/resources.ts';
import type { SubjectAccessReviewSpec } from '../../../core/kubernetes/reviews.ts';
import { lentObject } from '../../credentials/credentials.ts';
import { type Agent, agentOf } from '../../grants/cache.ts';
import type { AdmissionAnswer, AdmissionRequest, RequestUser } from '../protocol/review.ts';
import {
  type AdmissionSettings,
  AUTHORITY_RULES,
  decideGrant,
  FORM_RULES,
  type GrantFacts,
} from './grant-rules.ts';

export interface ValidateGrantDependencies {
  client: KubernetesClient;
  settings: AdmissionSettings;
  /** Grants for the agent that wait for a decision. */
  countAwaitingDecision(agent: Agent): number;
  /** The time for each question to the API server. Questions are asked side by side. */
  timeoutMilliseconds: number;
}

/** The facts that only the API server knows, before it was asked. */
const UNASKED = { agentNamespaceAnnotations: null, mayDecide: false, mayDelegate: false } as const;

export async function validateGrant(
  { client, settings, timeoutMilliseconds, countAwaitingDecision }: ValidateGrantDependencies,
  request: AdmissionRequest,
): Promise<AdmissionAnswer> {
  if (request.operation !== 'CREATE') return { allowed: true };
  const grant = grantOf(request);
  try {
    const action = grantedAction(grant.spec.action);
    const form: GrantFacts = {
      grant,
      action,
      requester: request.user.username,
      awaitingDecision: countAwaitingDecision(agentOf(grant)),
      ...UNASKED,
    };
    const refusal =
      decideGrant(FORM_RULES, form, settings) ??
      decideGrant(
        AUTHORITY_RULES,
        { ...form, ...(await lookUp(client, grant, request.user, { timeoutMilliseconds })) },
        settings,
      );
    return refusal === null ? { allowed: true } : { allowed: false, problem: refusal };
  } catch (error) {
    return { allowed: false, problem: asRefusal(error) };
  }
}

/** Only questions whose answers matter for this grant are asked. */
async function lookUp(
  client: KubernetesClient,
  grant: ActionGrant,
  user: RequestUser,
  options: CallOptions,
): Promise<Pick<GrantFacts, 'agentNamespaceAnnotations' | 'mayDecide' | 'mayDelegate'>> {
  const { namespace } = grant.metadata;
  const decides = grant.spec.approvedByRequester;
  const lent = lentObject(grant);
  const may = async (attributes: ResourceAttributes): Promise<boolean> => {
    const { username, ...identity } = user;
    const { allowed } = await client.subjectAccessReview(
      { user: username, ...identity, resourceAttributes: { namespace, ...attributes } },
      options,
    );
    return allowed;
  };
  const [agentNamespaceAnnotations, mayDecide, mayDelegate] = await Promise.all([
    agentNamespace(grant) === namespace
      ? null
      : namespaceAnnotations(client, agentNamespace(grant), options),
    decides && may({ verb: 'create', group: API_GROUP, resource: 'actiondecisions' }),
    decides &&
      lent !== undefined &&
      may({ verb: 'delegate', group: lent.group, resource: lent.resource, name: lent.name }),
  ]);
  return { agentNamespaceAnnotations, mayDecide, mayDelegate };
}

type ResourceAttributes = NonNullable<SubjectAccessReviewSpec['resourceAttributes']>;

async function namespaceAnnotations(
  client: KubernetesClient,
  name: string,
  options: CallOptions,
): Promise<Readonly<Record<string, string>> | null> {
  try {
    const { metadata } = await client.get(namespaces, { name }, options);
    return metadata.annotations ?? {};
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return null;
    throw error;
  }
}

/**
 * The object as a grant. Validating webhooks run after the schema, so its shape is known; what is checked here is that the
 * webhook was registered for grants and nothing else.
 */
function grantOf({ object, resource, namespace }: AdmissionRequest): ActionGrant {
  const grant = object as unknown as ActionGrant;
  if (
    resource.group !== API_GROUP ||
    resource.resource !== 'actiongrants' ||
    typeof grant.spec?.action !== 'object' ||
    grant.metadata?.namespace !== namespace
  ) {
    throw new ProblemError('RequestMalformed', 'request.object: is not an ActionGrant.', {
      field: 'request.object',
    });
  }
  return grant;
}

/** Fails closed: the refusal says that the API server could not be asked, and that trying again may help. */
function asRefusal(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (!isKubernetesError(error)) throw error;
  return new ProblemError(
    'KubernetesUnavailable',
    'The ActionGrant controller could not ask the API server what you may do. Try again.',
    { cause: error },
  );
}
