import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VERSION } from '../../../process/version.ts';
import { ROOT } from '../../../scripts/tools.ts';

it("the version is package.json's", () => {
  expect(VERSION).toBe(JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')).version);
});
