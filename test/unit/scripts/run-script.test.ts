import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endRunningScripts, runScript } from '../../../scripts/run-script.ts';
import { eventually } from '../../support/eventually.ts';

let folder: string;
let log: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-script-'));
  log = join(folder, 'log');
});
afterAll(() => rmSync(folder, { recursive: true }));

const output = () => readFileSync(log, 'utf8');

test('a script of several commands runs one after the other, and gives its arguments to the last', async () => {
  const script = 'echo one && sh -c \'echo "$1 $VALUE" >&2\' two';
  expect(await runScript(script, { args: ['three'], environment: { VALUE: 'four' }, log })).toBe(
    true,
  );
  expect(output()).toBe('one\nthree four\n');
});

test('a script ends with the first of its commands that fails', async () => {
  expect(await runScript('echo one && false && echo two', { log })).toBe(false);
  expect(output()).toBe('one\n');
});

test('a command that is told to end has failed, and the next one is not run', async () => {
  const ended = runScript("sh -c 'echo begun; exec sleep 60' && echo next", { log });
  await eventually(() => expect(output()).toBe('begun\n'));
  endRunningScripts();
  expect(await ended).toBe(false);
  expect(output()).toBe('begun\n');
});
