/** The controller's process. */

import { asProblem, ProblemError } from '../api/problem.ts';
import { systemClock } from '../process/clock.ts';
import { processEnvironment } from '../process/config.ts';
import { createProcessLogger } from '../process/log.ts';
import { onShutdown } from '../process/shutdown.ts';
import { VERSION } from '../process/version.ts';
import { type ControllerConfig, readControllerConfig } from './config.ts';
import { type Controller, startController } from './controller.ts';
import { createKubernetesClient } from './kubernetes/client.ts';

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;
const SHUTDOWN_MILLISECONDS = 25_000;

async function main(): Promise<void> {
  const config = readControllerConfig(processEnvironment());
  const log = createProcessLogger('controller', config.logLevel);
  const client = await createKubernetesClient({
    server: config.kubernetes,
    userAgent: `actiongrant-controller/${VERSION}`,
    requestTimeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS,
    clock: systemClock,
  }).catch((error: unknown) => {
    throw unusable(config.kubernetes, error);
  });
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

/** Without the error's own text: a parser's message shows lines of the file, and a kubeconfig holds credentials. */
function unusable(server: ControllerConfig['kubernetes'], error: unknown): ProblemError {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const reason = String(code ?? name ?? 'unknown');
  return new ProblemError(
    'ConfigurationInvalid',
    server.type === 'Kubeconfig'
      ? `ACTIONGRANT_KUBECONFIG names a file that cannot be used as a kubeconfig (${reason})`
      : `the pod's ServiceAccount in ${server.directory} cannot be used (${reason})`,
  );
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
