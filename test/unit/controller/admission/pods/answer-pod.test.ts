import { describe, expect, it } from 'vitest';
import { answerPod } from '../../../../../controller/admission/pods/answer-pod.ts';
import type { InjectPodDependencies } from '../../../../../controller/admission/pods/inject-pod.ts';
import { createNamespaceFacts } from '../../../../../controller/admission/pods/namespace-facts.ts';
import type { AdmissionRequest } from '../../../../../controller/admission/protocol/review.ts';
import type { Pod } from '../../../../../controller/pods/pod.ts';
import type { KubernetesClient } from '../../../../../core/kubernetes/client.ts';
import { aContainer, aPod, SIDECAR_IMAGE } from '../../../../support/pods.ts';

const dependencies: InjectPodDependencies = {
  image: SIDECAR_IMAGE,
  resourceBounds: { min: {}, max: {} },
  agentNamespaces: ['soc'],
  settingsPublished: () => true,
  release: { name: 'grants', namespace: 'actiongrant-system' },
};
const limitRange = {
  metadata: { name: 'small' },
  spec: { limits: [{ type: 'Container', max: { memory: '1Mi' } }] },
};
const webhook = {
  metadata: { name: 'istio' },
  webhooks: [
    {
      name: 'istio.example.com',
      clientConfig: {},
      rules: [{ apiGroups: [''], operations: ['CREATE'], resources: ['pods'] }],
    },
  ],
};

/** Of a pod whose author sent nothing of its containers. */
const privileged = (): Pod => {
  const pod = aPod({ containers: [aContainer({ securityContext: { privileged: true } })] });
  const fieldsV1 = { 'f:metadata': {}, 'f:spec': { 'f:containers': { 'k:{"name":"x"}': {} } } };
  return { ...pod, metadata: { ...pod.metadata, managedFields: [{ fieldsV1 }] } };
};

/** Answers as the API server does, or not at all. @param items by resource; absent: the list fails */
async function answered(pod: Pod, items: Readonly<Record<string, object[]>>) {
  const asked: string[] = [];
  const errors: unknown[] = [];
  const client = {
    async list({ resource }: { resource: string }, options: object) {
      asked.push(resource);
      expect(options).toMatchObject({ timeoutMilliseconds: 1_500 });
      const found = items[resource];
      if (found === undefined) throw new Error('forbidden');
      return { items: found };
    },
  } as Pick<KubernetesClient, 'list'>;
  const facts = createNamespaceFacts({
    client,
    labelsOf: () => ({}),
    sidecarResources: () => undefined,
    onError: (error) => errors.push(error),
  });
  const request: AdmissionRequest = {
    uid: 'f6208f1c-2c74-419c-9089-b272d880900f',
    operation: 'CREATE',
    resource: { group: '', resource: 'pods' },
    subresource: '',
    namespace: 'soc',
    user: { username: 'replicaset-controller', groups: [], extra: {} },
    object: { apiVersion: 'v1', kind: 'Pod', ...pod },
  };
  return { answer: await answerPod(dependencies, facts, request), asked, errors };
}

const NOTHING = { limitranges: [], resourcequotas: [] };

describe('a pod', () => {
  it('is injected without a question about the webhooks of others', async () => {
    const { answer, asked } = await answered(aPod(), NOTHING);
    expect([answer.allowed, asked]).toEqual([true, ['limitranges', 'resourcequotas']]);
  });

  it('is injected where the limits of its namespace cannot be read, which is said', async () => {
    const { answer, errors } = await answered(aPod(), {});
    expect([answer.allowed, errors.length]).toEqual([true, 2]);
  });

  it('is refused by a limit that no sidecar could meet, by its name', async () => {
    const { answer } = await answered(aPod(), { ...NOTHING, limitranges: [limitRange] });
    expect(answer).toMatchObject({
      allowed: false,
      problem: { code: 'PodRefused', detail: expect.stringContaining('LimitRange small') },
    });
  });

  it('that somebody else spoilt is refused with the names of those who may have', async () => {
    const items = { ...NOTHING, mutatingwebhookconfigurations: [webhook] };
    const { answer } = await answered(privileged(), items);
    expect(answer).toMatchObject({
      allowed: false,
      problem: { detail: expect.stringMatching(/not sent.*added it: istio\./) },
    });
  });

  it('that somebody else spoilt is refused in other words where these cannot be read', async () => {
    const { answer, errors } = await answered(privileged(), NOTHING);
    expect(answer).toMatchObject({
      allowed: false,
      problem: { detail: expect.stringContaining('Another admission webhook') },
    });
    expect(errors).toHaveLength(1);
  });
});
