import { expect, test } from 'vitest';
import { vitestReports } from '../../../scripts/vitest-reports.ts';

test('nothing in the environment of a run of tests is like a setting of our processes, which inherit it', () => {
  const { environment } = vitestReports('a-test-of-its-own');
  expect(Object.keys(environment)).toHaveLength(1);
  for (const name of Object.keys(environment)) expect(name).not.toMatch(/^ACTIONGRANT_/);
});

test('a run that did not get to its end has left nothing', () => {
  const { results, fileTimes } = vitestReports('a-test-of-its-own');
  expect(results()).toBeUndefined();
  expect(fileTimes()).toEqual([]);
});
