import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cachedFile } from '../../../../sidecar/exchange/cached-file.ts';

let directory: string;
let path: string;
let made: string[];
let read: () => Promise<{ text: string }>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cached-file-'));
  path = join(directory, 'token');
  made = [];
  read = cachedFile(path, (text) => {
    made.push(text);
    if (text === 'bad') throw new Error('cannot be used');
    return { text };
  });
});
afterEach(() => rmSync(directory, { recursive: true }));

/** As the kubelet does it: the new file takes the place of the old one. */
function replace(text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

it('a file is made into a value once, also by calls that come together', async () => {
  replace('a');
  const [first, second] = await Promise.all([read(), read()]);
  expect(second).toBe(first);
  expect(await read()).toBe(first);
  expect(made).toEqual(['a']);
});

it('a file that was replaced is read again', async () => {
  replace('a');
  expect(await read()).toEqual({ text: 'a' });
  replace('b');
  expect(await read()).toEqual({ text: 'b' });
  expect(made).toEqual(['a', 'b']);
});

it('a file that is missing fails, and is read when it is there', async () => {
  await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
  replace('a');
  expect(await read()).toEqual({ text: 'a' });
});

it('a file that cannot be used fails each time, and is tried again', async () => {
  replace('bad');
  await expect(read()).rejects.toThrow('cannot be used');
  await new Promise((resolve) => setImmediate(resolve));
  await expect(read()).rejects.toThrow('cannot be used');
  expect(made).toEqual(['bad', 'bad']);
});
