/** The records in docs/decisions have one form, and the index lists each as it is. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../../docs/decisions');
const FILES = globSync('[0-9]*.md', { cwd: FOLDER }).sort();
const SECTIONS = ['Context', 'Decision', 'Alternatives considered', 'Consequences'];
const HEAD = /^# (\d+)\. (.+)\n\n- Date: (.+)\n- Status: (.+)\n\n/;
const STATUS = /^(?:Proposed|Accepted|Deprecated|Superseded by \[\d+\]\(\d{4}-[\w-]+\.md\))$/;

const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

describe.each(FILES)('%s', (file) => {
  const text = read(file);
  const [, number, title, date, status] = HEAD.exec(text) ?? [];

  test('begins with number and title, date and status', () => {
    expect(Number(number)).toBe(Number(file.slice(0, 4)));
    expect(date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(Date.parse(date ?? '')).not.toBeNaN();
    expect(status).toMatch(STATUS);
  });

  test('has every section, in order, and none is empty', () => {
    const sections = text.split('\n## ').slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(SECTIONS);
    expect(sections.filter((section) => section.trim() === section.split('\n')[0])).toEqual([]);
  });

  test('stands in the index with its title, date and status', () => {
    const row = indexRows().find(([link]) => link?.endsWith(`(${file})`));
    expect(row).toEqual([`[${number}](${file})`, title, date, status]);
  });
});

test('the numbers have no gap, and the index lists no record twice', () => {
  const numbers = FILES.map((file) => Number(file.slice(0, 4)));
  expect(numbers).toEqual(FILES.map((_, index) => index + 1));
  expect(indexRows()).toHaveLength(FILES.length);
});

function indexRows(): string[][] {
  return read('README.md')
    .split('\n')
    .filter((line) => line.startsWith('| ['))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}
