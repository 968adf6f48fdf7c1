// Reporter of vitest: writes how long each test file took, its hooks and imports included, to the file that this names.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import type { FileTime } from './summary.ts';

/** Our processes inherit it from the tests, and refuse settings of theirs that they do not know: so it is not called like one. */
export const FILE_TIMES_VARIABLE = 'TEST_FILE_TIMES';

export default class FileTimes implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const output = process.env[FILE_TIMES_VARIABLE];
    if (output !== undefined) writeFileSync(output, JSON.stringify(modules.map(timeOf)));
  }
}

function timeOf(module: TestModule): FileTime {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } =
    module.diagnostic();
  const milliseconds =
    environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
  return { file: module.moduleId, seconds: milliseconds / 1000 };
}
