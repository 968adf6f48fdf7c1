import { expect, test } from 'vitest';
import { restrictionFaults } from '../../../../controller/injection/restrictions.ts';
import { aContainer, aPod, injected } from '../../../support/pods.ts';

const fieldsOf = (pod: Parameters<typeof restrictionFaults>[0]): string[] =>
  restrictionFaults(pod).map(({ field }) => field);

test('an injected pod has no faults', () => {
  expect(restrictionFaults(injected())).toEqual([]);
  expect(restrictionFaults({})).toEqual([]);
});

test('every fault is told, each where it stands: annotations, pod, its profiles, then each container', () => {
  const root = { securityContext: { runAsUser: 0, seccompProfile: { type: 'Unconfined' } } };
  const good = injected(aPod({ initContainers: [aContainer({ name: 'prepare' })] }));
  const [netInit, sidecar, prepare] = good.spec?.initContainers ?? [];
  const [agent] = good.spec?.containers ?? [];
  const asRoot = (container = aContainer()) => ({
    ...container,
    securityContext: { ...container.securityContext, ...root.securityContext },
  });
  const pod = {
    metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } },
    spec: {
      ...good.spec,
      hostNetwork: true,
      securityContext: { seLinuxOptions: { role: 'r' } },
      initContainers: [netInit, sidecar, asRoot(prepare)].filter((c) => c !== undefined),
      containers: [asRoot(agent)],
      ephemeralContainers: [{ ...asRoot(agent), name: 'debug' }],
    },
  };
  expect(fieldsOf(pod)).toEqual([
    'metadata.annotations[kubernetes.io/config.mirror]',
    'spec.hostNetwork',
    'spec.securityContext.seLinuxOptions.role',
    'spec.initContainers[2].securityContext.runAsUser',
    'spec.initContainers[2].securityContext.seccompProfile.type',
    'spec.containers[0].securityContext.runAsUser',
    'spec.containers[0].securityContext.seccompProfile.type',
    'spec.ephemeralContainers[0].securityContext.runAsUser',
    'spec.ephemeralContainers[0].securityContext.seccompProfile.type',
  ]);
});

test('net-init and the sidecar are held to none of it where they belong, and to all of it elsewhere', () => {
  const { spec = {} } = injected();
  const [netInit, sidecar] = spec.initContainers ?? [];
  expect(fieldsOf({ spec: { ...spec, containers: [] } })).toEqual([]);
  for (const container of [netInit, sidecar]) {
    if (container === undefined) throw new Error('there is no such container');
    const moved = { ...spec, containers: [container], initContainers: [] };
    expect(fieldsOf({ spec: moved })).toContain('spec.containers[0].name');
    expect(fieldsOf({ spec: moved })).toContain('spec.containers[0].volumeMounts');
  }
});
