import { describe, expect, test } from 'vitest';
import {
  countCheck,
  countTests,
  failures,
  leftOut,
  slowestFiles,
  summaryLine,
  type VitestReport,
  wholeTime,
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

const anUnloadableFile = {
  name: '/repo/test/unit/b.test.ts',
  status: 'failed',
  message: 'SyntaxError: no\n  at b',
  assertionResults: [],
};

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
      aReport({ testResults: [anUnloadableFile] }),
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

describe('a stage that this machine cannot run', () => {
  test("is skipped loudly on a developer's machine", () => {
    expect(leftOut('e2e', 'a node needs Linux', false)).toEqual({
      line: '== e2e SKIPPED: a node needs Linux. NOTHING OF IT WAS TESTED.',
      count: { passed: 0, failed: 0, skipped: 1 },
    });
  });

  test('has failed where nobody looks', () => {
    expect(leftOut('e2e', 'a node needs Linux', true)).toEqual({
      line: '== e2e FAILED: a node needs Linux, and CI=true leaves nothing out',
      count: { passed: 0, failed: 1, skipped: 0 },
    });
  });
});

test('the last line sums tests and checks', () => {
  const counts = [countCheck(true), countCheck(false), { passed: 40, failed: 2, skipped: 1 }];
  expect(summaryLine(counts)).toBe('41 passed, 3 failed, 1 skipped');
});

test('what failed is named with its file and the first line of its reason', () => {
  const report = aReport({
    testResults: [
      {
        name: '/repo/test/unit/a.test.ts',
        status: 'failed',
        message: '',
        assertionResults: [
          { status: 'passed', fullName: 'adds', failureMessages: [] },
          { status: 'failed', fullName: 'divides by 0', failureMessages: ['Error: NaN\n at x'] },
          { status: 'failed', fullName: 'says nothing', failureMessages: null },
        ],
      },
      anUnloadableFile,
    ],
  });
  expect(failures(report)).toEqual([
    '/repo/test/unit/a.test.ts > divides by 0: Error: NaN',
    '/repo/test/unit/a.test.ts > says nothing: ',
    '/repo/test/unit/b.test.ts: SyntaxError: no',
  ]);
  expect(failures(undefined)).toEqual([]);
});

describe('the slowest test files', () => {
  test('are ten at most, of all stages, slowest first, with their seconds', () => {
    const files = Array.from({ length: 12 }, (_, index) => ({
      file: `/repo/test/unit/${index}.test.ts`,
      seconds: index + 0.25,
    }));
    const [title, first, ...others] = slowestFiles(
      [...files, { file: '/repo/test/e2e/release.test.ts', seconds: 217.04 }],
      '/repo',
    );
    expect(title).toBe('slowest test files:');
    expect(first).toBe('  217.0 s  test/e2e/release.test.ts');
    expect(others).toHaveLength(9);
    expect(others[0]).toBe('   11.3 s  test/unit/11.test.ts');
    expect(others.at(-1)).toBe('    3.3 s  test/unit/3.test.ts');
  });

  test('are not told of where no test ran', () => {
    expect(slowestFiles([], '/repo')).toEqual([]);
  });
});

test.each([
  [0.4, 'whole time: 0 min 0 s'],
  [59.6, 'whole time: 1 min 0 s'],
  [581.2, 'whole time: 9 min 41 s'],
])('%d s is said in minutes and seconds', (seconds, line) => {
  expect(wholeTime(seconds)).toBe(line);
});
