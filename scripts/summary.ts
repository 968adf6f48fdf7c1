/** What a stage of `make test` came to. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface TestResult {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[] | null;
}

/** The fields of vitest's JSON report that are read. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    /** The file. */
    readonly name: string;
    readonly status: string;
    /** Why the file could not be loaded; empty if it could. */
    readonly message: string;
    readonly assertionResults: readonly TestResult[];
  }[];
}

/** A stage that is one check: its exit code is its result. */
export function countCheck(succeeded: boolean): Count {
  return { passed: succeeded ? 1 : 0, failed: succeeded ? 0 : 1, skipped: 0 };
}

/**
 * A stage that this machine can't run, and what is said of it. A developer's machine need not be able to run everything; where
 * nothing is looked at by hand, it must.
 */
export function leftOut(
  stage: string,
  why: string,
  unattended: boolean,
): { readonly line: string; readonly count: Count } {
  if (unattended) {
    const line = `== ${stage} FAILED: ${why}, and CI=true leaves nothing out`;
    return { line, count: countCheck(false) };
  }
  return {
    line: `== ${stage} SKIPPED: ${why}. NOTHING OF IT WAS TESTED.`,
    count: { passed: 0, failed: 0, skipped: 1 },
  };
}

/**
 * A vitest run. A file that can't be loaded has no tests to fail, and a run can fail without any
 * (an unhandled error, a global set-up, no report at all): each of those counts as one failure.
 */
export function countTests(succeeded: boolean, report: VitestReport | undefined): Count {
  if (!report) return countCheck(false);
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failed = report.numFailedTests + unloadable.length;
  return {
    passed: report.numPassedTests,
    failed: succeeded ? failed : Math.max(failed, 1),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** What failed, a line each: whoever sees only the end of a long run's output must see that. */
export function failures(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    if (status === 'failed' && assertionResults.length === 0) {
      return [`${name}: ${firstLine(message)}`];
    }
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => `${name} > ${test.fullName}: ${firstLine(test.failureMessages?.[0] ?? '')}`);
  });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** How long a test file took, with its hooks and imports. */
export interface FileTime {
  /** Absolute path. */
  readonly file: string;
  readonly seconds: number;
}

const LISTED = 10;

/** The slowest test files, a line each, slowest first. They name where waiting can be saved. */
export function slowestFiles(files: readonly FileTime[], root: string): string[] {
  if (files.length === 0) return [];
  const slowest = [...files].sort((a, b) => b.seconds - a.seconds).slice(0, LISTED);
  const lines = slowest.map(
    ({ file, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file.replace(`${root}/`, '')}`,
  );
  return ['slowest test files:', ...lines];
}

/** How long all of it took. */
export function wholeTime(seconds: number): string {
  const whole = Math.round(seconds);
  return `whole time: ${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The last line of `make test`, and the only one of its form. */
export function summaryLine(counts: readonly Count[]): string {
  const sum = (field: keyof Count) => counts.reduce((total, count) => total + count[field], 0);
  return `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
}
