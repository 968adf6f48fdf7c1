import { describe, expect, test } from 'vitest';
import {
  countCheck,
  countTests,
  summaryLine,
  type VitestReport,
} from '../../../scripts/summary.ts';

function aReport(overrides: Partial<VitestReport> = {}): VitestReport {
  return {
    numPassedTests: 5,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [],
    ...overrides,
  };
}

describe('the tests of a vitest run', () => {
  test.each([
    ['all pass', true, aReport(), { passed: 5, failed: 0, skipped: 0 }],
    [
      'some fail, some are skipped or still to do',
      false,
      aReport({ numFailedTests: 2, numPendingTests: 3, numTodoTests: 1 }),
      { passed: 5, failed: 2, skipped: 4 },
    ],
    [
      'a file that can not be loaded is a failure',
      false,
      aReport({ testResults: [{ status: 'failed', assertionResults: [] }] }),
      { passed: 5, failed: 1, skipped: 0 },
    ],
    [
      'a run that fails without a failed test',
      false,
      aReport(),
      { passed: 5, failed: 1, skipped: 0 },
    ],
    ['a run that left no report', true, undefined, { passed: 0, failed: 1, skipped: 0 }],
  ])('%s', (_, succeeded, report, expected) => {
    expect(countTests(succeeded, report)).toEqual(expected);
  });
});

test('the last line sums tests and checks', () => {
  const counts = [countCheck(true), countCheck(false), { passed: 40, failed: 2, skipped: 1 }];
  expect(summaryLine(counts)).toBe('41 passed, 3 failed, 1 skipped');
});
