/** Which questions validate-grant asks the API server for which grant, and what becomes of their answers. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { validateGrant } from '../../../../../controller/admission/grants/validate-grant.ts';
import type { AdmissionRequest } from '../../../../../controller/admission/protocol/review.ts';
import type { ActionGrantSpec } from '../../../../../core/api/generated/actiongrant.ts';
import { aGrant, anHttpAction, withoutCredential } from '../../../../support/builders.ts';
import { answer, StubApiServer, status } from '../../../../support/stub-api-server.ts';

let stub: StubApiServer;
/** Verbs that the requester may do. */
let allowed: Set<string>;
let annotations: Record<string, string>;

beforeEach(async () => {
  stub = await StubApiServer.start();
  allowed = new Set(['create', 'delegate']);
  annotations = {};
  stub.handler = ({ path, body }, response) => {
    if (path === '/api/v1/namespaces/agents') {
      return answer(response, 200, { metadata: { name: 'agents', uid: 'n', annotations } });
    }
    const { verb } = JSON.parse(body).spec.resourceAttributes;
    return answer(response, 201, { status: { allowed: allowed.has(verb) } });
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

const requestOf = (spec: Partial<ActionGrantSpec>, change: Partial<AdmissionRequest> = {}) => {
  const { apiVersion, kind, metadata, spec: whole } = aGrant({ spec });
  return {
    uid: 'r',
    operation: 'CREATE',
    resource: { group: 'actiongrant.dev', resource: 'actiongrants' },
    subresource: '',
    namespace: 'soc',
    user: { username: 'dora', uid: 'd', groups: ['deciders'], extra: { scopes: ['all'] } },
    object: { apiVersion, kind, metadata, spec: whole } as unknown as Record<string, unknown>,
    ...change,
  } satisfies AdmissionRequest;
};

const validate = async (request: AdmissionRequest, awaitingDecision = 0) => {
  const answered = await validateGrant(
    {
      client: await stub.client(),
      settings: {
        controllerUsername: 'controller',
        apiServerHosts: [],
        apiServerAudiences: [],
        maxPendingPerAgent: 20,
      },
      countAwaitingDecision: () => awaitingDecision,
      timeoutMilliseconds: 500,
    },
    request,
  );
  return answered.allowed ? 'allowed' : answered.problem;
};

const approved = { approvedByRequester: true };
const elsewhere = { agent: { serviceAccountName: 'incident-agent', namespace: 'agents' } };
/** Each question as its path, or the verb that it asks about. */
const questions = () =>
  stub.requests
    .map(({ path, body }) => (body === '' ? path : JSON.parse(body).spec.resourceAttributes.verb))
    .sort();

describe('validate-grant asks', () => {
  test.for<[what: string, spec: Partial<ActionGrantSpec>, asked: string[]]>([
    ['nothing for a grant that waits for a decision', {}, []],
    ['for both rights of a requester who decides', approved, ['create', 'delegate']],
    [
      'for no right to delegate without a credential',
      { ...withoutCredential(aGrant().spec), ...approved, credential: undefined as never },
      ['create'],
    ],
    ['for the consent of another namespace', elsewhere, ['/api/v1/namespaces/agents']],
    [
      'nothing for a grant that can never be',
      { ...approved, action: anHttpAction({ url: 'https://kubernetes/' }) },
      [],
    ],
  ])('%s', async ([_, spec, asked]) => {
    await validate(requestOf(spec));
    expect(questions()).toEqual(asked);
  });

  test('in the name of the requester, with all that the API server said of them', async () => {
    await validate(requestOf(approved));
    const { spec } = JSON.parse(stub.requests[0]?.body ?? '');
    expect(spec).toMatchObject({
      user: 'dora',
      uid: 'd',
      groups: ['deciders'],
      extra: { scopes: ['all'] },
      resourceAttributes: { namespace: 'soc' },
    });
  });
});

describe('validate-grant', () => {
  test.for<[what: string, change: () => void, spec: Partial<ActionGrantSpec>, field: string]>([
    ['may not decide', () => allowed.delete('create'), approved, 'spec.approvedByRequester'],
    [
      'may not delegate',
      () => allowed.delete('delegate'),
      approved,
      'spec.credential.serviceAccountToken.serviceAccountName',
    ],
    ['has no consent of the agent', () => {}, elsewhere, 'spec.agent.namespace'],
  ])('refuses a requester who %s', async ([_, change, spec, field]) => {
    change();
    expect(await validate(requestOf(spec))).toMatchObject({ code: 'GrantForbidden', field });
  });

  test('admits what the rules allow', async () => {
    annotations = { 'actiongrant.dev/accepts-grants-from': 'soc' };
    expect(await validate(requestOf({ ...approved, ...elsewhere }))).toBe('allowed');
  });

  test('counts the grants of the agent that wait', async () => {
    expect(await validate(requestOf({}), 20)).toMatchObject({ field: 'spec.agent' });
  });

  test('refuses for an agent in a namespace that is not there', async () => {
    stub.handler = (_request, response) => answer(response, 404, status(404, 'NotFound'));
    expect(await validate(requestOf(elsewhere))).toMatchObject({ code: 'GrantForbidden' });
  });

  test.each([
    [
      'refused',
      (response: Parameters<typeof answer>[0]) => answer(response, 403, status(403, 'Forbidden')),
    ],
    ['not answered in time', () => {}],
  ])(
    'fails closed when a question is %s, and says that trying again may help',
    async (_, handler) => {
      stub.handler = (_request, response) => handler(response);
      expect(await validate(requestOf(approved))).toMatchObject({
        code: 'KubernetesUnavailable',
        retryable: true,
      });
    },
  );

  test('asks nothing of a grant that is changed', async () => {
    expect(await validate(requestOf(approved, { operation: 'UPDATE' }))).toBe('allowed');
    expect(stub.requests).toEqual([]);
  });

  test.for<[what: string, change: Partial<AdmissionRequest>]>([
    ['another group', { resource: { group: '', resource: 'actiongrants' } }],
    ['another resource', { resource: { group: 'actiongrant.dev', resource: 'actiondecisions' } }],
    ['another namespace', { namespace: 'shop' }],
    ['an object without an action', { object: { metadata: { namespace: 'soc' } } }],
  ])('does not answer a review of %s', async ([_, change]) => {
    await expect(validate(requestOf({}, change))).rejects.toMatchObject({
      code: 'RequestMalformed',
    });
  });
});
