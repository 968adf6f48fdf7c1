import { expect, test } from 'vitest';
import { webhooksOfOthers } from '../../../../../controller/admission/pods/other-webhooks.ts';
import type { RegisteredWebhook } from '../../../../../core/kubernetes/resources.ts';

const PODS = { apiGroups: [''], operations: ['CREATE'], resources: ['pods'] };
const LABELS = { namespace: { team: 'soc' }, pod: { app: 'agent' } };

function configuration(name: string, webhook: Partial<RegisteredWebhook>) {
  return {
    metadata: { name, uid: name, resourceVersion: '1' },
    webhooks: [{ name: `${name}.example.com`, clientConfig: {}, rules: [PODS], ...webhook }],
  };
}

test('names the configurations that change new pods, in the order in which they are called', () => {
  const all = [
    configuration('vault', {}),
    configuration('kyverno', {
      rules: [{ apiGroups: ['*'], operations: ['*'], resources: ['*/*'] }],
    }),
  ];
  expect(webhooksOfOthers(all, LABELS)).toEqual(['kyverno', 'vault']);
});

test.each<[string, Partial<RegisteredWebhook>, boolean]>([
  ['ours', { name: 'inject-pod.actiongrant.dev' }, false],
  ['one for Deployments', { rules: [{ ...PODS, apiGroups: ['apps'] }] }, false],
  ['one for changes', { rules: [{ ...PODS, operations: ['UPDATE'] }] }, false],
  ['one for exec', { rules: [{ ...PODS, resources: ['pods/exec'] }] }, false],
  ['one without rules', { rules: [] }, false],
  ['one for this namespace', { namespaceSelector: { matchLabels: { team: 'soc' } } }, true],
  ['one for another namespace', { namespaceSelector: { matchLabels: { team: 'x' } } }, false],
  ['one for these pods', { objectSelector: { matchLabels: { app: 'agent' } } }, true],
  ['one for other pods', { objectSelector: { matchLabels: { app: 'x' } } }, false],
  ['one whose selector is of a later version', { namespaceSelector: { matchFields: [] } }, true],
])('%s: %s', (_what, webhook, expected) => {
  expect(webhooksOfOthers([configuration('x', webhook)], LABELS)).toEqual(expected ? ['x'] : []);
});
