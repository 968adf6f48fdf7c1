/** Process of the chart's pre-delete hook. Its output is for whoever runs `helm uninstall`. */

import { processEnvironment } from '../../process/config.ts';
import { createProcessClient } from '../../process/kubernetes-client.ts';
import { jobClock } from '../jobs/clock.ts';
import { standardOutput as output, reasonOf } from '../jobs/output.ts';
import { createRetry } from '../jobs/retry.ts';
import { readUninstallConfig } from './config.ts';
import { prepareUninstall } from './uninstall.ts';

async function main(): Promise<boolean> {
  const { kubernetes, retrySeconds, ...config } = readUninstallConfig(processEnvironment());
  const client = await createProcessClient(kubernetes, 'uninstall');
  const retry = createRetry({ seconds: retrySeconds, clock: jobClock, output });
  try {
    return await prepareUninstall({ ...config, client, retry, output });
  } finally {
    await client.close();
  }
}

main().then(
  (prepared) => {
    process.exitCode = prepared ? 0 : 1;
  },
  (error: unknown) => {
    output(`ActionGrant is not uninstalled: ${reasonOf(error)}.`);
    output(
      'helm uninstall --no-hooks leaves live grants to garbage collection and to their expiry.',
    );
    process.exitCode = 1;
  },
);
