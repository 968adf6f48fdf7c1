/** What the documents point to is there: relative links, and the files and tests that SECURITY.md rests on. */

import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = ['*.md', 'docs/**/*.md', 'test/**/*.md'].flatMap((glob) =>
  globSync(glob, { cwd: ROOT }),
);
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const INLINE_LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;
const LINK_DEFINITION = /^\[[^\]]+\]: (?!https?:)([^#\s]*)(?:#(\S+))?$/gm;

test.each(PAGES)('%s: every relative link leads to a file, and to a heading there', (page) => {
  const links = [INLINE_LINK, LINK_DEFINITION].flatMap((form) => [...read(page).matchAll(form)]);
  const broken = links.filter(([, path = '', anchor]) => {
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

test('SECURITY.md names sources and tests that exist', () => {
  const files = globSync('{charts,controller,core,process,sidecar,test}/**/*', { cwd: ROOT });
  const names = new Set(files.map((path) => basename(path)));
  const named = [...read('SECURITY.md').matchAll(/`([\w./-]+\.(?:ts|yaml))`/g)];
  const missing = named.filter(([, path = '']) =>
    path.includes('/')
      ? !files.some((file) => file.endsWith(path))
      : !names.has(path) && !existsSync(join(ROOT, path)),
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});

/** Headings as GitHub makes anchors of them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
