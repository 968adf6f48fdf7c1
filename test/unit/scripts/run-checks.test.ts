import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../../scripts/tools.ts';

/** `make e2e`, where no program is found that a node needs. */
function runWithoutPrograms(environment: Readonly<Record<string, string>>) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts/run-checks.ts'), 'e2e'],
    { encoding: 'utf8', env: { PATH: '', ...environment } },
  );
  return { status, lines: stdout.trimEnd().split('\n') };
}

describe('where no node can be started', () => {
  test.each([[{}], [{ CI: '' }], [{ CI: 'false' }]])(
    'the stage is skipped, and says so, with %o',
    (environment) => {
      const { status, lines } = runWithoutPrograms(environment);
      expect(lines.join('\n')).toMatch(/^== e2e SKIPPED: .+ NOTHING OF IT WAS TESTED\.$/m);
      expect(lines.at(-1)).toBe('0 passed, 0 failed, 1 skipped');
      expect(status).toBe(0);
    },
  );

  test('the run fails with CI=true', () => {
    const { status, lines } = runWithoutPrograms({ CI: 'true' });
    expect(lines.join('\n')).toMatch(/^== e2e FAILED: .+, and CI=true leaves nothing out$/m);
    expect(lines).toContain('failed: e2e');
    expect(lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped');
    expect(status).toBe(1);
  });
});
