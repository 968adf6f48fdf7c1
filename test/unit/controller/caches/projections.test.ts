import { describe, expect, it } from 'vitest';
import { keepGrant, keepNamespace, keepPod } from '../../../../controller/caches/projections.ts';
import { injectionFault } from '../../../../controller/injection/verify.ts';
import type { Pod } from '../../../../controller/pods/pod.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import { aFinishedStatus, aGrant } from '../../../support/builders.ts';
import { aPod, injected } from '../../../support/pods.ts';

const FAT = 'x'.repeat(200_000);
const METADATA = {
  name: 'incident-agent-0',
  namespace: 'soc',
  uid: 'u1',
  resourceVersion: '7',
  annotations: { fat: FAT },
  labels: { app: 'agent' },
  managedFields: [{}],
};

describe('of a pod', () => {
  const live = (pod: object): Live<Pod> => ({ ...pod, metadata: METADATA }) as Live<Pod>;
  const whole = live({
    ...injected(aPod({ serviceAccountName: 'incident-agent' })),
    status: { phase: 'Running', conditions: [{ message: FAT }] },
  });

  it('is kept who it is, whether it lives, and whether it is injected', () => {
    expect(keepPod(whole)).toEqual({
      metadata: { name: 'incident-agent-0', namespace: 'soc', uid: 'u1', resourceVersion: '7' },
      serviceAccountName: 'incident-agent',
      injectionFault: undefined,
      status: { phase: 'Running' },
    });
  });

  it('the fault is that of the whole', () => {
    const plain = live(aPod());
    expect(injectionFault(plain)).toBeDefined();
    expect(keepPod(plain).injectionFault).toBe(injectionFault(plain));
    expect(keepPod(live({})).injectionFault).toBe(injectionFault(live({})));
  });

  it('nothing is kept that its author can make large', () => {
    const { spec = {} } = whole;
    const [container] = spec.containers ?? [];
    const fat = live({
      spec: { ...spec, containers: [{ ...container, name: 'a', args: [FAT] }] },
      status: { phase: 'Running' },
    });
    expect(JSON.stringify(keepPod(fat)).length).toBeLessThan(1_000);
  });
});

it('of a grant is kept what it says and what became of it, not how it is labelled', () => {
  const grant = aGrant({ status: aFinishedStatus() });
  const labelled = { ...grant, metadata: { ...grant.metadata, ...METADATA } };
  const { annotations: _1, labels: _2, managedFields: _3, ...metadata } = labelled.metadata;
  expect(keepGrant(labelled)).toEqual({ ...grant, metadata });
  expect(labelled.metadata.annotations).toEqual({ fat: FAT });
});

it('of a namespace are kept its labels and its consent', () => {
  const consent = { 'actiongrant.dev/accepts-grants-from': 'desk' };
  const annotations = { ...METADATA.annotations, ...consent };
  expect(keepNamespace({ metadata: { ...METADATA, annotations } }).metadata).toEqual({
    name: 'incident-agent-0',
    namespace: 'soc',
    uid: 'u1',
    resourceVersion: '7',
    labels: { app: 'agent' },
    annotations: consent,
  });
  const resources = { 'actiongrant.dev/sidecar-resources': '{}' };
  const kept = keepNamespace({ metadata: { ...METADATA, annotations: resources } });
  expect(kept.metadata.annotations).toEqual(resources);
  expect(keepNamespace({ metadata: METADATA }).metadata.annotations).toBeUndefined();
});
