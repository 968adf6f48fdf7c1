import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { leases } from '../../core/kubernetes/resources.ts';
import { systemClock } from '../../core/time/clock.ts';
import { eventually } from '../support/eventually.ts';
import { shareControlPlane } from '../support/shared.ts';

const plane = await shareControlPlane();
const program = new URL('../support/lease-candidate.ts', import.meta.url).pathname;
const WITHIN_MILLISECONDS = 20_000;
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
function candidate(identity: string, leaseMilliseconds: number) {
  const args = [plane.adminKubeconfig, namespace, identity, `${leaseMilliseconds}`];
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  candidates.push(child);
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  return { child, said };
}

const says = ({ said }: { said: string[] }, line: string) =>
  eventually(() => expect(said).toContain(line), { withinMilliseconds: WITHIN_MILLISECONDS });
const lease = async () => (await client.get(leases, { namespace, name: 'candidates' })).spec;

it('the follower of a killed leader leads when the Lease has run out, not before', async () => {
  namespace = await plane.createNamespace('lease');
  const one = candidate('one', 3_000);
  await says(one, 'started');
  const two = candidate('two', 3_000);
  await says(two, 'ready');
  const before = await lease();
  one.child.kill('SIGKILL');
  await says(two, 'started');
  const after = await lease();
  expect(after).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  // The last renewal may be later than the one that was read, so this holds however slow the machine is.
  expect(Date.parse(`${after?.acquireTime}`)).toBeGreaterThanOrEqual(
    Date.parse(`${before?.renewTime}`) + 3_000,
  );
});

it('the follower of a leader that stops leads at once', async () => {
  namespace = await plane.createNamespace('lease');
  // Whoever leads before it has run out, leads because it was given up.
  const lasts = 3 * WITHIN_MILLISECONDS;
  const one = candidate('one', lasts);
  await says(one, 'started');
  const two = candidate('two', lasts);
  await says(two, 'ready');
  one.child.kill('SIGTERM');
  // Not its exit: what it said last may not have been read by then.
  await once(one.child, 'close');
  expect(one.said).toEqual(['ready', 'started', 'stopped']);
  await says(two, 'started');
});
