/** The controller's process. */

import { asProblem } from '../api/problem.ts';
import { systemClock } from '../process/clock.ts';
import { processEnvironment } from '../process/config.ts';
import { createLogger, type Logger } from '../process/log.ts';
import { onShutdown } from '../process/shutdown.ts';
import { VERSION } from '../process/version.ts';
import { readControllerConfig } from './config.ts';
import { startController } from './controller.ts';
import { createKubernetesClient } from './kubernetes/client.ts';

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;
const SHUTDOWN_MILLISECONDS = 25_000;

async function main(): Promise<void> {
  const config = readControllerConfig(processEnvironment());
  const log = logger(config.logLevel);
  const client = await createKubernetesClient({
    server: config.kubernetes,
    userAgent: `actiongrant-controller/${VERSION}`,
    requestTimeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS,
    clock: systemClock,
  });
  const controller = await startController({
    config,
    client,
    clock: systemClock,
    log,
    version: VERSION,
  });
  onShutdown({
    steps: [{ name: 'controller', run: () => controller.stop() }],
    timeoutMilliseconds: SHUTDOWN_MILLISECONDS,
    log,
    exit: (code) => process.exit(code),
  });
}

function logger(level: Parameters<typeof createLogger>[0]['level']): Logger {
  return createLogger({
    level,
    fields: { component: 'controller' },
    write: (line) => process.stderr.write(line),
    now: Date.now,
  });
}

main().catch((error: unknown) => {
  const { code, detail, cause } = asProblem(error);
  logger('error').error('the controller cannot start', { code, detail, cause });
  process.exit(1);
});
