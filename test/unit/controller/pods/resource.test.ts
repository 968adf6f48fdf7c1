import { expect, test } from 'vitest';
import type { Pod } from '../../../../controller/pods/pod.ts';
import { podHasEnded } from '../../../../controller/pods/resource.ts';

const pod = (phase?: string, uid = 'a'): Pod => ({
  metadata: { name: 'incident-agent-0', uid },
  ...(phase !== undefined && { status: { phase } }),
});

test.for<[ended: boolean, what: string, pod: Pod | undefined]>([
  [true, 'none of its name', undefined],
  [true, 'another of its name', pod('Running', 'b')],
  [true, 'one that succeeded', pod('Succeeded')],
  [true, 'one that failed', pod('Failed')],
  [false, 'one that runs', pod('Running')],
  [false, 'one that is pending', pod('Pending')],
  [false, 'one of which the kubelet has said nothing', pod()],
])('a pod has ended: %s, where there is %s', ([ended, , found]) => {
  expect(podHasEnded(found, 'a')).toBe(ended);
});
