import { describe, expect, test } from 'vitest';
import { restricted } from '../../../../controller/injection/restrict.ts';
import type {
  ContainerSecurityContext,
  PodSecurityContext,
} from '../../../../controller/pods/pod.ts';
import { aContainer } from '../../../support/pods.ts';

const FILLED_IN: ContainerSecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 10001,
  seccompProfile: { type: 'RuntimeDefault' },
};

function contextOf(
  securityContext?: ContainerSecurityContext,
  pod: PodSecurityContext = {},
): ContainerSecurityContext | undefined {
  const container = aContainer(securityContext && { securityContext });
  return restricted(container, pod).securityContext;
}

test('a container that says nothing is filled in', () => {
  expect(contextOf()).toEqual(FILLED_IN);
  expect(contextOf({})).toEqual(FILLED_IN);
});

describe('a container keeps what it says, good or bad', () => {
  test.for<[own: ContainerSecurityContext]>([
    [{ runAsUser: 0 }],
    [{ runAsNonRoot: false }],
    [{ seccompProfile: { type: 'Unconfined' } }],
    [{ allowPrivilegeEscalation: true, privileged: true }],
    [{ readOnlyRootFilesystem: true, runAsGroup: 3000 }],
    [{ capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } }],
  ])('%j', ([own]) => {
    expect(contextOf(own)).toEqual({ ...FILLED_IN, ...own });
  });
});

test('all capabilities are dropped besides those that the container drops', () => {
  expect(contextOf({ capabilities: { drop: ['NET_RAW'] } })?.capabilities).toEqual({
    drop: ['NET_RAW', 'ALL'],
  });
});

describe('what the pod says is not said again', () => {
  test.for<[pod: PodSecurityContext]>([
    [{ runAsUser: 0 }],
    [{ runAsNonRoot: false }],
    [{ seccompProfile: { type: 'Localhost' } }],
  ])('%j', ([pod]) => {
    const [member = ''] = Object.keys(pod);
    const { [member as keyof ContainerSecurityContext]: _, ...rest } = FILLED_IN;
    expect(contextOf({}, pod)).toEqual(rest);
  });
});

test('the rest of the container stays, and the container itself is not changed', () => {
  const container = aContainer({ workingDir: '/work', securityContext: {} });
  expect(restricted(container, {})).toEqual({ ...container, securityContext: FILLED_IN });
  expect(container.securityContext).toEqual({});
});
