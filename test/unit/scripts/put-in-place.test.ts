import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putInPlace } from '../../../scripts/put-in-place.ts';

describe('what was made aside', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'put-in-place-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function made(name: string, content: string): string {
    const folder = join(directory, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), content);
    return folder;
  }
  const content = (folder: string) => readFileSync(join(folder, 'file'), 'utf8');

  it('comes into place', () => {
    const aside = made('aside', 'ours');
    const folder = join(directory, 'folder');
    putInPlace(aside, folder);
    expect(content(folder)).toBe('ours');
    expect(existsSync(aside)).toBe(false);
  });

  it('goes away where another process was first', () => {
    const aside = made('aside', 'ours');
    const folder = made('folder', 'theirs');
    putInPlace(aside, folder);
    expect(content(folder)).toBe('theirs');
    expect(existsSync(aside)).toBe(false);
  });

  it('is an error where it cannot be put', () => {
    const aside = made('aside', 'ours');
    expect(() => putInPlace(aside, join(directory, 'missing', 'folder'))).toThrow('ENOENT');
  });
});
