import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSharedSettings } from '../../../sidecar/shared-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'shared-settings-'));
afterAll(() => rmSync(directory, { recursive: true }));

function read(text: string) {
  writeFileSync(join(directory, 'settings.json'), text);
  return readSharedSettings(directory);
}

it.each([undefined, ''])('there are none where no directory is named (%j)', (name) => {
  expect(readSharedSettings(name)).toEqual({ values: {} });
});

it('are the members of the file, those of a newer release too', () => {
  const values = { ACTIONGRANT_LOG_LEVEL: 'debug', ACTIONGRANT_NEXT: '' };
  expect(read(JSON.stringify(values))).toEqual({ values });
});

it.each([
  ['no JSON', '{', /^names a directory whose settings\.json cannot be used \(/],
  ['no object', '[]', /it is no JSON object/],
  ['null', 'null', /it is no JSON object/],
  ['a setting that is no text', '{"ACTIONGRANT_A":1}', /its member ACTIONGRANT_A is no string/],
  ['what is no setting', '{"NODE_OPTIONS":""}', /no setting of the sidecar/],
  ['another directory', '{"ACTIONGRANT_SETTINGS":"/x"}', /no setting of the sidecar/],
])('are none of a file that is, or has, %s, and a complaint says why', (_, text, complaint) => {
  const { values, complaint: said } = read(text);
  expect(values).toEqual({});
  expect(said).toMatch(complaint);
});

it('are none of a directory that is not there', () => {
  expect(readSharedSettings(join(directory, 'missing')).complaint).toContain('ENOENT');
});
