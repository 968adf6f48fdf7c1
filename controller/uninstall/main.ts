/** Process of the chart's pre-delete hook. What it says is for whoever runs `helm uninstall`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { asProblem } from '../../api/problem.ts';
import { systemClock } from '../../process/clock.ts';
import { processEnvironment } from '../../process/config.ts';
import { VERSION } from '../../process/version.ts';
import { createKubernetesClient } from '../kubernetes/client.ts';
import { readUninstallConfig } from './config.ts';
import { prepareUninstall } from './uninstall.ts';

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;
const ATTEMPTS = 5;
const PAUSE_MILLISECONDS = 2_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<boolean> {
  const { kubernetes, ...config } = readUninstallConfig(processEnvironment());
  const client = await createKubernetesClient({
    server: kubernetes,
    userAgent: `actiongrant-uninstall/${VERSION}`,
    requestTimeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS,
    clock: systemClock,
  });
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await prepareUninstall({ ...config, client, say });
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await sleep(PAUSE_MILLISECONDS);
      }
    }
  } finally {
    await client.close();
  }
}

main().then(
  (prepared) => {
    process.exitCode = prepared ? 0 : 1;
  },
  (error: unknown) => {
    const { code, detail } = asProblem(error);
    say(`ActionGrant is not uninstalled: live grants could not be revoked (${code}: ${detail}).`);
    say('helm uninstall --no-hooks leaves them to garbage collection and to their expiry.');
    process.exitCode = 1;
  },
);
