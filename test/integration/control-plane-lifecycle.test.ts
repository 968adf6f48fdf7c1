import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { startControlPlane } from '../support/control-plane.ts';

const PROGRAM = join(import.meta.dirname, '../support/control-plane-child.ts');

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a killed API server starts again with what it had', async () => {
  await using plane = await startControlPlane();
  const namespace = await plane.createNamespace();
  await plane.killApiServer();
  await expect(plane.request('GET', '/version')).rejects.toThrow();
  await plane.startApiServer();
  const found = await plane.api('GET', `/api/v1/namespaces/${namespace}`);
  expect(found.metadata.name).toBe(namespace);
}, 60_000);

test('stop ends both servers and removes the directory', async () => {
  const plane = await startControlPlane({ fsync: true });
  const pids = Object.values(plane.processIds);
  await plane.stop();
  expect(pids.map((pid) => pid && isAlive(pid))).toEqual([false, false]);
  expect(existsSync(plane.directory)).toBe(false);
}, 60_000);

test.each(['SIGKILL', 'SIGINT'] as const)(
  'nothing is left behind when the process that started it gets %s',
  async (signal) => {
    const parent = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const started: { etcd: number; apiServer: number; directory: string } = JSON.parse(line);
    expect([started.etcd, started.apiServer].map(isAlive)).toEqual([true, true]);
    parent.kill(signal);
    await expect
      .poll(() => [started.etcd, started.apiServer].some(isAlive), { timeout: 20_000 })
      .toBe(false);
    await expect.poll(() => existsSync(started.directory), { timeout: 20_000 }).toBe(false);
  },
  60_000,
);
