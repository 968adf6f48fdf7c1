/** Process of the chart's pre-delete hook. What it says is for whoever runs `helm uninstall`. */

import { processEnvironment } from '../../process/config.ts';
import { createProcessClient } from '../../process/kubernetes-client.ts';
import { reasonOf, say } from '../jobs/output.ts';
import { readUninstallConfig } from './config.ts';
import { prepareUninstall } from './uninstall.ts';

async function main(): Promise<boolean> {
  const { kubernetes, ...config } = readUninstallConfig(processEnvironment());
  const client = await createProcessClient(kubernetes, 'uninstall');
  try {
    return await prepareUninstall({ ...config, client });
  } finally {
    await client.close();
  }
}

main().then(
  (prepared) => {
    process.exitCode = prepared ? 0 : 1;
  },
  (error: unknown) => {
    say(`ActionGrant is not uninstalled: ${reasonOf(error)}.`);
    say('helm uninstall --no-hooks leaves live grants to garbage collection and to their expiry.');
    process.exitCode = 1;
  },
);
