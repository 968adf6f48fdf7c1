import { describe, expect, test } from 'vitest';
import {
  type InjectPodDependencies,
  injectPod,
} from '../../../../../controller/admission/pods/inject-pod.ts';
import {
  type AdmissionAnswer,
  type AdmissionRequest,
  formatAdmissionReview,
} from '../../../../../controller/admission/protocol/review.ts';
import type { Pod } from '../../../../../controller/pods/pod.ts';
import { aContainer, aPod, injected, SIDECAR_IMAGE } from '../../../../support/pods.ts';

const dependencies: InjectPodDependencies = {
  image: SIDECAR_IMAGE,
  resourceBounds: { min: { memory: '128Mi' }, max: { cpu: '2', memory: '1Gi' } },
  agentNamespaces: ['soc', 'shop'],
  settingsPublished: (namespace) => namespace !== 'shop',
  release: { name: 'grants', namespace: 'actiongrant-system' },
};

function aRequest(pod: Pod, changes: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: 'f6208f1c-2c74-419c-9089-b272d880900f',
    operation: 'CREATE',
    resource: { group: '', resource: 'pods' },
    subresource: '',
    namespace: 'soc',
    user: { username: 'replicaset-controller', groups: [], extra: {} },
    object: { apiVersion: 'v1', kind: 'Pod', ...pod },
    ...changes,
  };
}

/** The Status that the API server passes on. */
function refusal(answer: AdmissionAnswer, request = aRequest(aPod())) {
  const review = formatAdmissionReview(request, answer) as {
    response: { status: { code: number; reason: string; message: string } };
  };
  return review.response.status;
}

test('the patch turns the pod into the injected one', () => {
  const answer = injectPod(dependencies, aRequest(aPod()));
  if (!answer.allowed) throw answer.problem;
  const spec = injected().spec ?? {};
  expect(answer.patch).toEqual(
    ['containers', 'automountServiceAccountToken', 'dnsConfig', 'initContainers', 'volumes'].map(
      (name) => ({
        op: 'add',
        path: `/spec/${name}`,
        value: new Map(Object.entries(spec)).get(name),
      }),
    ),
  );
});

test('a pod of more containers than anybody has is refused before it is made larger', () => {
  const containers = (count: number) =>
    Array.from({ length: count }, (_, index) => aContainer({ name: `c${index}` }));
  const asked = (spec: Parameters<typeof aPod>[0]) => injectPod(dependencies, aRequest(aPod(spec)));
  expect(asked({ containers: containers(100) }).allowed).toBe(true);
  // Asked again, because another webhook wrote after it.
  const again = injected(aPod({ containers: containers(100) }));
  expect(injectPod(dependencies, aRequest(again))).toEqual({ allowed: true, patch: [] });
  for (const spec of [
    { containers: containers(101) },
    { containers: containers(1), initContainers: containers(100) },
    { containers: containers(101).map((container) => ({ ...container, name: 'actiongrant' })) },
  ]) {
    const { code, message } = refusal(asked(spec));
    expect(code).toBe(403);
    expect(message).toContain('spec.containers are 101 with init containers');
    expect(message).toContain('Use several pods');
  }
});

test('a pod that is injected already is let through as it is', () => {
  expect(injectPod(dependencies, aRequest(injected()))).toEqual({ allowed: true, patch: [] });
});

test('other requests for pods are not changed: the policies hold what was injected', () => {
  for (const [operation, subresource] of [
    ['UPDATE', ''],
    ['UPDATE', 'resize'],
    ['UPDATE', 'ephemeralcontainers'],
    ['CREATE', 'eviction'],
  ]) {
    const request = aRequest(aPod(), {
      operation: operation ?? '',
      subresource: subresource ?? '',
    });
    expect(injectPod(dependencies, request)).toEqual({ allowed: true });
  }
});

describe('what is known of the namespace', () => {
  const NOTHING = {
    sidecarResources: undefined,
    limits: { limitRanges: [], resourceQuotas: [] },
    otherWebhooks: [],
  };
  const resourcesOf = (answer: AdmissionAnswer) => {
    if (!answer.allowed) throw answer.problem;
    const added = answer.patch?.find(({ path }) => path === '/spec/initContainers');
    const containers = added?.op === 'add' ? (added.value as { resources: object }[]) : [];
    return containers.map(({ resources }) => resources);
  };

  test('its annotation and its LimitRanges change what both containers may take', () => {
    const limits = [{ type: 'Container', min: { cpu: '100m' } }];
    const known = {
      ...NOTHING,
      sidecarResources: '{"limits":{"memory":"512Mi"}}',
      limits: { limitRanges: [{ metadata: { name: 'l' }, spec: { limits } }], resourceQuotas: [] },
    };
    const resources = {
      requests: { cpu: '100m', memory: '96Mi' },
      limits: { memory: '512Mi' },
    };
    const answer = injectPod(dependencies, aRequest(aPod()), known);
    expect(resourcesOf(answer)).toEqual([resources, resources]);
  });

  test('its annotation beyond the bounds refuses its pods', () => {
    const known = { ...NOTHING, sidecarResources: '{"limits":{"memory":"8Gi"}}' };
    const { message } = refusal(injectPod(dependencies, aRequest(aPod()), known));
    expect(message).toContain('metadata.annotations[actiongrant.dev/sidecar-resources]');
    expect(message).toContain('1Gi at most. Change it, or sidecar.namespaceResources of the chart');
  });

  test('who may have added what the author did not send is named', () => {
    const fieldsV1 = { 'f:spec': { 'f:containers': { 'k:{"name":"agent"}': { 'f:name': {} } } } };
    const pod = aPod({
      hostNetwork: true,
      containers: [aContainer(), aContainer({ name: 'x', securityContext: { privileged: true } })],
    });
    const request = aRequest({
      ...pod,
      metadata: { ...pod.metadata, managedFields: [{ fieldsV1 }] },
    });
    const known = { ...NOTHING, otherWebhooks: ['kyverno', 'vault'] };
    const { message } = refusal(injectPod(dependencies, request, known));
    expect(message).toContain('spec.hostNetwork (not sent) must not be true');
    expect(message).toContain('securityContext.privileged (not sent; container x) must be false');
    expect(message).toContain('admission plugin added it: kyverno, vault.');
    expect(refusal(injectPod(dependencies, request)).message).toContain(
      'Another admission webhook',
    );
  });
});

describe('refused', () => {
  test('a pod that cannot be injected, with each field and the way out, in one line', () => {
    const pod = aPod({
      hostNetwork: true,
      containers: [aContainer({ securityContext: { runAsUser: 0 } })],
    });
    const status = refusal(injectPod(dependencies, aRequest(pod)));
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(status.message).toBe(
      "ActionGrant cannot make this an agent pod: spec.hostNetwork must not be true: nothing is intercepted on the node's own network; spec.containers[0].securityContext.runAsUser must be a user other than root and 64464, which is the sidecar's.",
    );
  });

  test('with the first few of many faults', () => {
    const containers = Array.from({ length: 9 }, (_, index) =>
      aContainer({ name: `c${index}`, securityContext: { privileged: true } }),
    );
    const { message } = refusal(injectPod(dependencies, aRequest(aPod({ containers }))));
    expect(message.match(/privileged/g)?.length).toBe(10);
    expect(message).toMatch(/; and 4 more\.$/);
  });

  test('text of the pod is quoted without control characters', () => {
    const annotations = {
      'container.apparmor.security.beta.kubernetes.io/a\u001b[2J\u202e': 'unconfined',
    };
    const { message } = refusal(
      injectPod(dependencies, aRequest({ ...aPod(), metadata: { annotations } })),
    );
    expect(message).toMatch(/^[\x20-\x7e]+$/);
  });

  test('a namespace that was labelled, but is not one of agents, with the command that adds it', () => {
    const status = refusal(injectPod(dependencies, aRequest(aPod(), { namespace: 'hr' })));
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(status.message).toContain(
      'helm upgrade grants CHART --namespace actiongrant-system --reset-then-reuse-values --set "rbac.agentNamespaces={soc,shop,hr}"',
    );
  });

  test("while the settings that the sidecar would read may be anybody's", () => {
    const status = refusal(injectPod(dependencies, aRequest(aPod(), { namespace: 'shop' })));
    expect(status).toMatchObject({ code: 503, reason: 'ServiceUnavailable' });
  });
});

test.each([
  ['another kind', { resource: { group: 'apps', resource: 'deployments' } }],
  ['no spec', { object: { kind: 'Pod' } }],
])('%s is an error of whoever registered the webhook', (_what, changes) => {
  expect(() => injectPod(dependencies, aRequest(aPod(), changes))).toThrow(
    expect.objectContaining({ code: 'RequestMalformed' }),
  );
});
