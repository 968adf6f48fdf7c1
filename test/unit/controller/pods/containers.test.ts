import { describe, expect, test } from 'vitest';
import {
  agentContainersOf,
  effective,
  handlersOf,
  hasInjectedName,
} from '../../../../controller/pods/containers.ts';
import type { PodSpec } from '../../../../controller/pods/pod.ts';
import { aContainer } from '../../../support/pods.ts';

test.for<[is: boolean, name: string | undefined]>([
  [true, 'actiongrant'],
  [true, 'actiongrant-init'],
  [false, 'actiongrant-2'],
  [false, 'Actiongrant'],
  [false, ''],
  [false, undefined],
])('is the name of an injected container: %s, %j', ([is, name]) => {
  expect(hasInjectedName(name)).toBe(is);
});

describe("the agent's containers", () => {
  const named = (...names: string[]) => names.map((name) => aContainer({ name }));
  const fieldsOf = (spec: PodSpec) => agentContainersOf(spec).map(({ field }) => field);

  test.for<[what: string, fields: string[], spec: PodSpec]>([
    ['none', [], {}],
    [
      'those of every list, in order',
      [
        'spec.initContainers[2]',
        'spec.containers[0]',
        'spec.containers[1]',
        'spec.ephemeralContainers[0]',
      ],
      {
        initContainers: named('actiongrant-init', 'actiongrant', 'prepare'),
        containers: named('agent', 'helper'),
        ephemeralContainers: named('debug'),
      },
    ],
    [
      'those that have an injected name in another place',
      ['spec.initContainers[1]', 'spec.initContainers[2]', 'spec.containers[0]'],
      {
        initContainers: named('actiongrant-init', 'prepare', 'actiongrant'),
        containers: named('actiongrant'),
      },
    ],
    [
      'those of a pod that was not injected',
      ['spec.initContainers[0]', 'spec.containers[0]'],
      { initContainers: named('prepare'), containers: named('agent') },
    ],
  ])('are %s', ([, fields, spec]) => {
    expect(fieldsOf(spec)).toEqual(fields);
  });
});

test('the kubelet calls a container for its probes and hooks, each by its field', () => {
  const handler = (port: number) => ({ tcpSocket: { port } });
  const container = aContainer({
    readinessProbe: handler(1),
    livenessProbe: handler(2),
    lifecycle: { preStop: handler(3) },
  });
  expect(handlersOf(container)).toEqual([
    { field: 'readinessProbe', handler: handler(1) },
    { field: 'livenessProbe', handler: handler(2) },
    { field: 'lifecycle.preStop', handler: handler(3) },
  ]);
  expect(handlersOf(aContainer())).toEqual([]);
});

test.for<[user: number | undefined, own: number | undefined, pod: number | undefined]>([
  [undefined, undefined, undefined],
  [1000, undefined, 1000],
  [1, 1, undefined],
  [1, 1, 1000],
  [0, 0, 1000],
])('a container runs as user %s that says %s in a pod that says %s', ([user, own, pod]) => {
  const container = aContainer({
    securityContext: own === undefined ? {} : { runAsUser: own },
  });
  const inherited = pod === undefined ? {} : { runAsUser: pod };
  expect(effective(container, inherited, 'runAsUser')).toBe(user);
});
