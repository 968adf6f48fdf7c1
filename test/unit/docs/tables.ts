/** The tables of docs/reference, for comparing them with the code. */

import { readFileSync } from 'node:fs';

const REFERENCE = new URL('../../../docs/reference/', import.meta.url);

/** Every table row of a page, as its cells' text; heads and rules left out. */
export function rowsOf(page: string, heading?: string): string[][] {
  const text = readFileSync(new URL(page, REFERENCE), 'utf8');
  const section = heading === undefined ? text : sectionOf(text, heading, page);
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter((cells) => cells[0]?.startsWith('`') || cells[1]?.startsWith('`'));
}

/** What stands in backquotes in a cell. */
export function codesIn(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}

function sectionOf(text: string, heading: string, page: string): string {
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start === -1) throw new Error(`${page} has no section "${heading}"`);
  const end = text.indexOf('\n## ', start + 4);
  return text.slice(start, end === -1 ? undefined : end);
}
