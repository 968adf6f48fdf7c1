import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../../scripts/lock.ts';

const OFTEN = { everyMilliseconds: 5 };
let directory: string;
let lock: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'actiongrant-lock-'));
  lock = join(directory, 'lock');
});

afterEach(() => rmSync(directory, { recursive: true }));

test('one at a time, and each gets its turn', async () => {
  let inside = 0;
  const most: number[] = [];
  const visit = () =>
    withLock(
      lock,
      async () => {
        most.push(++inside);
        await sleep(10);
        inside--;
      },
      OFTEN,
    );
  await Promise.all([visit(), visit(), visit()]);
  expect(most).toEqual([1, 1, 1]);
});

test('who holds it and fails gives it back', async () => {
  const failing = withLock(lock, () => Promise.reject(new Error('failed')), OFTEN);
  await expect(failing).rejects.toThrow('failed');
  expect(existsSync(lock)).toBe(false);
});

test('the lock of a process that was killed holds nobody up', async () => {
  writeFileSync(lock, `${spawnSync('true').pid}`);
  await expect(withLock(lock, () => 'done', OFTEN)).resolves.toBe('done');
});
