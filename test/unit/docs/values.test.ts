/** docs/reference/values.md says what the chart's values.yaml says. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isRecord } from '../../../core/text/json.ts';
import { codesIn, rowsOf } from './tables.ts';

const VALUES = new URL('../../../charts/actiongrant/values.yaml', import.meta.url);

test('every value once, with its default', () => {
  const values: unknown = parse(readFileSync(VALUES, 'utf8'));
  const rows = rowsOf('values.md', 'Values').map(([name, fallback]) => ({
    name: codesIn(name)[0] ?? '',
    fallback: JSON.parse(codesIn(fallback)[0] ?? '') as unknown,
  }));
  const names = rows.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, fallback } of rows) expect([name, at(values, name)]).toEqual([name, fallback]);
  // What has a row is described as a whole.
  expect(undocumented(values, '', new Set(names))).toEqual([]);
});

function at(values: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), values);
}

function undocumented(value: unknown, path: string, names: ReadonlySet<string>): string[] {
  if (names.has(path)) return [];
  if (!isRecord(value)) return [path];
  return Object.entries(value).flatMap(([key, member]) =>
    undocumented(member, path === '' ? key : `${path}.${key}`, names),
  );
}
