/** Process of `helm test`. What it says is for whoever runs that. */

import { readFile } from 'node:fs/promises';
import { asProblem } from '../../api/problem.ts';
import { systemClock } from '../../process/clock.ts';
import { processEnvironment } from '../../process/config.ts';
import { VERSION } from '../../process/version.ts';
import { createKubernetesClient } from '../kubernetes/client.ts';
import { exchangeAnswers, grantIsAdmitted } from './checks.ts';
import { readInstallationTestConfig } from './config.ts';

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<void> {
  const { controllerURL, controllerCA, grantNamespace, kubernetes } = readInstallationTestConfig(
    processEnvironment(),
  );
  say(`Does the exchange at ${controllerURL} answer, with a certificate that sidecars trust?`);
  await exchangeAnswers(controllerURL, await readFile(controllerCA, 'utf8'));
  if (grantNamespace === undefined) {
    say('Grants were not tried: rbac.agentNamespaces is empty.');
    return;
  }
  const client = await createKubernetesClient({
    server: kubernetes,
    userAgent: `actiongrant-installation-test/${VERSION}`,
    requestTimeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS,
    clock: systemClock,
  });
  try {
    say(`Is a grant in ${grantNamespace} admitted, by both webhooks and every policy?`);
    await grantIsAdmitted(client, grantNamespace);
  } finally {
    await client.close();
  }
}

main().then(
  () => say('ok'),
  (error: unknown) => {
    const { code, detail } = asProblem(error);
    say(`No: ${code}: ${detail} (${error instanceof Error ? error.message : 'unknown'})`);
    process.exitCode = 1;
  },
);
