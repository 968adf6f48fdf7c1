import { describe, expect, it } from 'vitest';
import { KUBERNETES, type KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { aKubernetesAction } from '../../../support/builders.ts';

function anAction(given: Partial<KubernetesAction> = {}): KubernetesAction {
  return {
    type: 'Kubernetes',
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: 'checkout-0',
    queryParameters: {},
    body: { kind: 'none' },
    ...given,
  };
}

it('the credential of a call to the API server has the audience that the API server fills in', () => {
  expect(KUBERNETES.credential(anAction())).toEqual({});
});

describe('the whole body is secret', () => {
  it.each<[boolean, Partial<KubernetesAction>]>([
    [true, { verb: 'create', resource: 'secrets', name: '' }],
    [true, { verb: 'patch', resource: 'secrets' }],
    [false, { verb: 'delete', resource: 'secrets' }],
    [false, { verb: 'deletecollection', resource: 'secrets' }],
    [false, { verb: 'create', resource: 'secrets', apiGroup: 'vault.example.com' }],
    [false, { verb: 'create', resource: 'configmaps' }],
  ])('%s for %j', (secret, given) => {
    expect(KUBERNETES.bodyIsSecret(anAction(given))).toBe(secret);
  });
});

it.each<[string, Partial<KubernetesAction>]>([
  ['get pods shop/checkout-0', {}],
  ['list nodes', { verb: 'list', resource: 'nodes', namespace: '', name: '' }],
  ['get namespaces shop', { resource: 'namespaces', namespace: '', name: 'shop' }],
  [
    'update deployments.apps/scale shop/a',
    { verb: 'update', apiGroup: 'apps', resource: 'deployments', subresource: 'scale', name: 'a' },
  ],
])('people read %s', (summary, given) => {
  expect(KUBERNETES.summary(anAction(given))).toBe(summary);
});

it('what a grant leaves out is the empty string, and a patch type that it leaves out is absent', () => {
  const grant = {
    type: 'Kubernetes',
    kubernetes: { verb: 'list', version: 'v1', resource: 'nodes' },
  } as const;
  const { body, ...action } = anAction({
    verb: 'list',
    resource: 'nodes',
    namespace: '',
    name: '',
  });
  expect(KUBERNETES.stated(grant)).toEqual({ action, body: { form: 'None' } });
  expect(
    KUBERNETES.stated(aKubernetesAction({ verb: 'patch', patchType: 'Merge' })).action,
  ).toHaveProperty('patchType', 'Merge');
});

it.each([
  [200, 'Succeeded'],
  [404, 'Failed'],
])('an API server that answers %i has %s', (status, outcome) => {
  expect(KUBERNETES.outcome({ status })).toBe(outcome);
});
