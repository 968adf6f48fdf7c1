/** SECURITY.md defines the IDs that code, tests and docs cite, and each promise names tests that are there. */

import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allMutations } from '../../mutation/all.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('SECURITY.md');

/** Promises and limits are headings, bypasses are rows of a table. */
const DEFINED = [...PAGE.matchAll(/^(?:### |\| )([PBL]\d+)(?:\. | +\|)/gm)].map(
  ([, id = '']) => id,
);
const PROMISES = PAGE.split(/^(?=#+ )/m).filter((section) => /^### P\d/.test(section));
const TEXT = new Set(['.go', '.json', '.md', '.py', '.sh', '.tpl', '.ts', '.txt', '.yaml']);
const FILES = [
  '*.md',
  '{charts,controller,core,crds,demo,docs,process,scripts,sidecar,test}/**/*',
].flatMap((glob) =>
  globSync(glob, { cwd: ROOT }).filter(
    (path) => TEXT.has(extname(path)) && statSync(join(ROOT, path)).isFile(),
  ),
);

describe('IDs', () => {
  test.each(['P', 'B', 'L'])('%s are numbered from 1, in order, each defined once', (letter) => {
    const ids = DEFINED.filter((id) => id.startsWith(letter));
    expect(ids.length).toBeGreaterThan(0);
    expect(ids).toEqual(ids.map((_, index) => `${letter}${index + 1}`));
  });

  test('that are cited anywhere exist', () => {
    const unknown = FILES.flatMap((path) =>
      [...read(path).matchAll(/\b[PBL]\d{1,2}\b/g)]
        .filter(([id]) => !DEFINED.includes(id))
        .map(([id]) => `${path}: ${id}`),
    );
    expect(unknown).toEqual([]);
  });

  test('are cited instead of the number of a threat, which no file here defines', () => {
    expect(FILES.filter((path) => /\bthreats? \d/i.test(read(path)))).toEqual([]);
  });
});

describe('a promise', () => {
  test.each(PROMISES.map((section) => [section.split('\n')[0] ?? '', section]))(
    '%s says its state, and names a test that is there unless it does not hold yet',
    (_heading, section) => {
      const [, state] = /^State: \*\*(Held|Partly|Not yet)\*\*/m.exec(section) ?? [];
      expect(state).toBeDefined();
      const tests = [...section.matchAll(/^- `(test\/[\w./-]+\.test\.ts)`/gm)];
      if (state !== 'Not yet') expect(tests).not.toEqual([]);
      expect(tests.filter(([, path = '']) => !existsSync(join(ROOT, path)))).toEqual([]);
    },
  );
});

describe('a promise that is kept, wholly or in part', () => {
  const all = allMutations();
  const mutations = all.map(({ name, file }) => ({ promise: name.split(':')[0], file }));
  const kept = PROMISES.filter((section) => !section.includes('State: **Not yet**')).map(
    (section) => [/^### (P\d+)/.exec(section)?.[1] ?? '', section] as const,
  );

  test.each(kept)('%s has a guard that `make mutation` takes out', (id) => {
    expect(mutations.some(({ promise }) => promise === id)).toBe(true);
  });

  test.each(kept)('%s names every test that misses one of its guards', (id, section) => {
    const missing = mutations
      .filter(({ promise, file }) => promise === id && !section.includes(`\`${file}\``))
      .map(({ file }) => file);
    expect([...new Set(missing)]).toEqual([]);
  });

  test('has its guards where `make mutation` looks for them', () => {
    const misfits = all.filter(({ changes }) => {
      const texts = new Map<string, string>();
      return !changes.every(({ file, from, to }) => {
        const text = texts.get(file) ?? read(file);
        texts.set(
          file,
          text.replace(from, () => to),
        );
        return text.split(from).length === 2;
      });
    });
    expect(misfits.map(({ name }) => name)).toEqual([]);
  });

  test('is what every mutation is of', () => {
    const ids = new Set<string | undefined>(kept.map(([id]) => id));
    expect(mutations.filter(({ promise }) => !ids.has(promise))).toEqual([]);
  });
});

test('every title of a test that is quoted is part of one in the file before it', () => {
  const quoted = [...PAGE.matchAll(/`(test\/[\w./-]+\.ts)`\s\(((?:_[^_]+_(?:,\s)?)+)\)/g)];
  expect(quoted.length).toBeGreaterThan(0);
  const missing = quoted.flatMap(([, path = '', titles = '']) =>
    [...titles.matchAll(/_([^_]+)_/g)]
      .map(([, title = '']) => title.replace(/\s+/g, ' '))
      .filter((title) => !existsSync(join(ROOT, path)) || !read(path).includes(title))
      .map((title) => `${path}: ${title}`),
  );
  expect(missing).toEqual([]);
});

test('no cell of a table is longer than 200 characters', () => {
  const cells = PAGE.split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[ -]*-{3}/.test(line))
    .flatMap((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells.filter((cell) => cell.length > 200)).toEqual([]);
});
