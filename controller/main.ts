/** The controller's process. */

import { asProblem } from '../core/api/problem.ts';
import { systemClock } from '../core/time/clock.ts';
import { processEnvironment } from '../process/config.ts';
import { createProcessClient } from '../process/kubernetes-client.ts';
import { createProcessLogger } from '../process/log.ts';
import { onShutdown } from '../process/shutdown.ts';
import { VERSION } from '../process/version.ts';
import { readControllerConfig } from './config.ts';
import { type Controller, startController } from './controller.ts';

const SHUTDOWN_MILLISECONDS = 25_000;

async function main(): Promise<void> {
  const config = readControllerConfig(processEnvironment());
  const log = createProcessLogger('controller', config.logLevel);
  const client = await createProcessClient(config.kubernetes, 'controller');
  // From the first moment: PID 1 has no default handlers, and starting can take as long as the API server is away.
  let controller: Controller | undefined;
  onShutdown({
    steps: [{ name: 'controller', run: () => controller?.stop() }],
    timeoutMilliseconds: SHUTDOWN_MILLISECONDS,
    log,
    exit: (code) => process.exit(code),
  });
  controller = await startController({
    config,
    client,
    clock: systemClock,
    log,
    version: VERSION,
  });
}

main().catch((error: unknown) => {
  const { code, detail, cause } = asProblem(error);
  createProcessLogger('controller', 'error').error('the controller cannot start', {
    code,
    detail,
    cause,
  });
  process.exit(1);
});
