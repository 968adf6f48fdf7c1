/** The sidecar's process. */

import { asProblem } from '../core/api/problem.ts';
import { systemClock } from '../core/time/clock.ts';
import { processEnvironment } from '../process/config.ts';
import { createProcessLogger } from '../process/log.ts';
import { onShutdown } from '../process/shutdown.ts';
import { VERSION } from '../process/version.ts';
import { readSidecarConfig } from './config.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';

const SHUTDOWN_MILLISECONDS = 25_000;

async function main(): Promise<void> {
  const config = readSidecarConfig(processEnvironment());
  const log = createProcessLogger('sidecar', config.logLevel);
  if (config.settingsIgnored.length > 0) {
    log.warn('settings of a newer release are ignored', { names: config.settingsIgnored });
  }
  // From the first moment: PID 1 has no default handlers.
  let sidecar: Sidecar | undefined;
  onShutdown({
    steps: [{ name: 'sidecar', run: () => sidecar?.stop() }],
    timeoutMilliseconds: SHUTDOWN_MILLISECONDS,
    log,
    exit: (code) => process.exit(code),
  });
  sidecar = await startSidecar({ config, clock: systemClock, log, version: VERSION });
}

main().catch((error: unknown) => {
  const { code, detail, cause } = asProblem(error);
  createProcessLogger('sidecar', 'error').error('the sidecar cannot start', {
    code,
    detail,
    cause,
  });
  process.exit(1);
});
