import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceFile } from '../../../../sidecar/files/replace-file.ts';

let directory: string;
const path = () => join(directory, 'a');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'replace-file-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it.each([0o444, 0o600, 0o644])('a file is written with exactly the mode %o', async (mode) => {
  await replaceFile(path(), 'new', mode);
  expect(readFileSync(path(), 'utf8')).toBe('new');
  expect(statSync(path()).mode & 0o777).toBe(mode);
});

it('another one, and what was left unfinished of it, is replaced', async () => {
  writeFileSync(path(), 'old', { mode: 0o444 });
  writeFileSync(`${path()}.new`, 'half');
  await replaceFile(path(), 'new', 0o444);
  expect(readFileSync(path(), 'utf8')).toBe('new');
  expect(readdirSync(directory)).toEqual(['a']);
});

it('a link in its place is replaced, and not written through', async () => {
  const other = join(directory, 'other');
  writeFileSync(other, 'kept');
  symlinkSync(other, path());
  symlinkSync(other, `${path()}.new`);
  await replaceFile(path(), 'new', 0o600);
  expect(readFileSync(other, 'utf8')).toBe('kept');
  expect(readFileSync(path(), 'utf8')).toBe('new');
});
