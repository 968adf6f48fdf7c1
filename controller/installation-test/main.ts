/** Process of `helm test`. What it says is for whoever runs that. */

import { readFile } from 'node:fs/promises';
import { processEnvironment } from '../../process/config.ts';
import { patiently } from '../jobs/patience.ts';
import { reasonOf, say } from '../jobs/say.ts';
import { createProcessClient } from '../kubernetes/process-client.ts';
import { exchangeAnswers, grantIsAdmitted } from './checks.ts';
import { readInstallationTestConfig } from './config.ts';

async function main(): Promise<void> {
  const { controllerURL, controllerCA, grantNamespace, patienceSeconds, kubernetes } =
    readInstallationTestConfig(processEnvironment());
  const ca = await readFile(controllerCA, 'utf8');
  say(`Does the exchange at ${controllerURL} answer, with a certificate that sidecars trust?`);
  await patiently(() => exchangeAnswers(controllerURL, ca), patienceSeconds);
  if (grantNamespace === undefined) {
    say('Grants were not tried: rbac.agentNamespaces is empty.');
    return;
  }
  const client = await createProcessClient(kubernetes, 'installation-test');
  try {
    say(`Is a grant in ${grantNamespace} admitted, by both webhooks and every policy?`);
    await patiently(() => grantIsAdmitted(client, grantNamespace), patienceSeconds);
  } finally {
    await client.close();
  }
}

main().then(
  () => say('ok'),
  (error: unknown) => {
    say(`No: ${reasonOf(error)}`);
    process.exitCode = 1;
  },
);
