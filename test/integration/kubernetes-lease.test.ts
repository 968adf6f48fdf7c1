import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import {
  createKubernetesClient,
  type KubernetesClient,
} from '../../controller/kubernetes/client.ts';
import { leases } from '../../controller/kubernetes/resources.ts';
import { systemClock } from '../../process/clock.ts';
import { connectControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';

const plane = connectControlPlane(inject('controlPlane'));
const program = new URL('../support/lease-candidate.ts', import.meta.url).pathname;
const candidates: ChildProcess[] = [];
let client: KubernetesClient;
let namespace: string;

beforeAll(async () => {
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: plane.adminKubeconfig },
    userAgent: 'actiongrant-test/0',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
});
afterAll(async () => {
  for (const candidate of candidates) candidate.kill('SIGKILL');
  await client.close();
  await plane.disconnect();
});

/** A process that stands for election and says when it starts and stops leading. */
function candidate(identity: string) {
  const child = spawn(process.execPath, [program, plane.adminKubeconfig, namespace, identity], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  candidates.push(child);
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  return { child, said };
}

const says = ({ said }: { said: string[] }, line: string) =>
  eventually(() => expect(said).toContain(line), { withinMilliseconds: 20_000 });

it('the follower of a killed leader leads when the Lease has run out, not before', async () => {
  namespace = await plane.createNamespace('lease');
  const one = candidate('one');
  await says(one, 'started');
  const two = candidate('two');
  await says(two, 'ready');
  one.child.kill('SIGKILL');
  const killed = performance.now();
  await says(two, 'started');
  // 3 s after a renewal that is at most one period of 0.6 s old.
  expect(performance.now() - killed).toBeGreaterThan(2_000);
  const { spec } = await client.get(leases, { namespace, name: 'candidates' });
  expect(spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

it('the follower of a leader that stops leads at once', async () => {
  namespace = await plane.createNamespace('lease');
  const one = candidate('one');
  await says(one, 'started');
  const two = candidate('two');
  await says(two, 'ready');
  one.child.kill('SIGTERM');
  const stopping = performance.now();
  // Not its exit: what it said last may not have been read by then.
  await once(one.child, 'close');
  expect(one.said).toEqual(['ready', 'started', 'stopped']);
  await says(two, 'started');
  expect(performance.now() - stopping).toBeLessThan(2_900);
});
