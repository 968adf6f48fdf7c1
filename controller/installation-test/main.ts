/** Process of `helm test`. Its output is for whoever runs that. */

import { readFile } from 'node:fs/promises';
import { processEnvironment } from '../../process/config.ts';
import { createProcessClient } from '../../process/kubernetes-client.ts';
import { jobClock } from '../jobs/clock.ts';
import { standardOutput as output, reasonOf } from '../jobs/output.ts';
import { createRetry } from '../jobs/retry.ts';
import { readInstallationTestConfig } from './config.ts';
import { testInstallation } from './installation-test.ts';

async function main(): Promise<void> {
  const { kubernetes, controllerCA, retrySeconds, ...config } = readInstallationTestConfig(
    processEnvironment(),
  );
  await testInstallation({
    ...config,
    ca: await readFile(controllerCA, 'utf8'),
    connect: () => createProcessClient(kubernetes, 'installation-test'),
    retry: createRetry({ seconds: retrySeconds, clock: jobClock, output }),
    output,
  });
}

main().then(
  () => output('ok'),
  (error: unknown) => {
    output(`Failed: ${reasonOf(error)}`);
    process.exitCode = 1;
  },
);
