/**
 * However the owner of a node's enclosure or the enclosure itself ends: nothing of it stays on the machine. Only trivial
 * commands run inside; what a whole cluster leaves, scripts/e2e.ts looks for at its end.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startEnclosure } from '../support/node/enclosure.ts';
import { whyNoNode } from '../support/node/requirements.ts';
import { whatIsLeft } from '../support/node/what-is-left.ts';

const PROGRAM = join(import.meta.dirname, '../support/node/enclosure-child.ts');
/** What enclosure.sh allows itself, and a margin for a busy machine. */
const GONE = { withinMilliseconds: 20_000, everyMilliseconds: 50 };
/** The stage `e2e` of `make test` says loudly that no node can be started, and fails where CI=true. */
const NO_NODE = whyNoNode() !== undefined && process.env['CI'] !== 'true';

/** A process that has started an enclosure. */
interface Owner {
  readonly process: ChildProcess;
  readonly lines: Interface;
  readonly directory: string;
}

const owners: ChildProcess[] = [];

/** Resolves once the enclosure is full of what a cluster makes. */
async function startOwner(): Promise<Owner> {
  // The leader of a group, as a terminal's foreground command.
  const owner = spawn(process.execPath, [PROGRAM], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  owners.push(owner);
  const lines = createInterface({ input: owner.stdout });
  const [directory] = await once(lines, 'line');
  await eventually(() => expect(existsSync(join(directory, 'exit-code'))).toBe(true), GONE);
  const kinds = whatIsLeft(directory).map((line) => line.split(' ')[0]);
  expect(new Set(kinds), 'it is seen while it is there').toEqual(
    new Set(['process', 'mount', 'cgroup', 'directory']),
  );
  return { process: owner, lines, directory };
}

afterEach(() => {
  for (const owner of owners.splice(0)) owner.kill('SIGKILL');
});

async function untilNothingIsLeft(directory: string): Promise<void> {
  await eventually(() => expect(whatIsLeft(directory)).toEqual([]), GONE);
}

/** The process that runs enclosure.sh: the parent of who holds the namespaces. */
function script(directory: string): number {
  const holder = readFileSync(join(directory, 'holder.pid'), 'utf8').trim();
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${holder}/status`, 'utf8'))?.[1]);
}

describe.skipIf(NO_NODE)('nothing of an enclosure is left', () => {
  test('once it was stopped', async () => {
    const { process: owner, lines, directory } = await startOwner();
    owner.stdin?.write('stop\n');
    expect(await once(lines, 'line')).toEqual(['stop: ended']);
    expect(whatIsLeft(directory)).toEqual([]);
  });

  test.each([0, 3])('after its command ended with %i, while its owner lives', async (code) => {
    const { process: owner, lines, directory } = await startOwner();
    writeFileSync(join(directory, 'exit-code'), `${code}\n`);
    await untilNothingIsLeft(directory);
    owner.stdin?.write('alive\n');
    expect(await once(lines, 'line')).toEqual(['alive: ended']);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'when its owner gets %s, with its whole group, and can do nothing more',
    async (signal) => {
      const { process: owner, directory } = await startOwner();
      const ended = once(owner, 'exit');
      process.kill(-(owner.pid ?? Number.NaN), signal);
      await untilNothingIsLeft(directory);
      await ended;
      expect(owner.signalCode).toBe(signal);
    },
  );

  test.each(['SIGINT', 'SIGTERM'] as const)('when enclosure.sh gets %s', async (signal) => {
    const { directory } = await startOwner();
    process.kill(script(directory), signal);
    await untilNothingIsLeft(directory);
  });
});

describe.skipIf(NO_NODE)('after kill -9 of enclosure.sh, whose work that is', () => {
  test('no process and no mount is left, and its owner removes the rest', async () => {
    const { process: owner, lines, directory } = await startOwner();
    await killScript(directory);
    owner.stdin?.write('stop\n');
    expect(await once(lines, 'line')).toEqual(['stop: ended']);
    expect(whatIsLeft(directory)).toEqual([]);
  });

  test('the next start removes the rest, and nothing of those that run', async () => {
    const [killed, running] = await Promise.all([startOwner(), startOwner()]);
    await killScript(killed.directory);
    killed.process.kill('SIGKILL');
    const before = whatIsLeft(running.directory);
    const log = openSync(devNull, 'w');
    const next = await startEnclosure(() => ['sleep', '1000'], log);
    closeSync(log);
    expect(whatIsLeft(killed.directory)).toEqual([]);
    await next.stop();
    expect(existsSync(next.directory)).toBe(false);
    expect(whatIsLeft(running.directory)).toEqual(before);
  });
});

/** Resolves once only what it would have removed is left. */
async function killScript(directory: string): Promise<void> {
  process.kill(script(directory), 'SIGKILL');
  await eventually(() => {
    const kinds = whatIsLeft(directory).map((line) => line.split(' ')[0]);
    expect(new Set(kinds)).toEqual(new Set(['cgroup', 'directory']));
  }, GONE);
}
