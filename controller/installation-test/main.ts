/** Process of `helm test`. What it says is for whoever runs that. */

import { readFile } from 'node:fs/promises';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { processEnvironment } from '../../process/config.ts';
import { createProcessClient } from '../../process/kubernetes-client.ts';
import { reasonOf, say } from '../jobs/output.ts';
import { patiently } from '../jobs/retry.ts';
import {
  exchangeAnswers,
  firstInjectedNamespace,
  grantIsAdmitted,
  podIsInjected,
} from './checks.ts';
import { type InstallationTestConfig, readInstallationTestConfig } from './config.ts';

type Installed = Pick<InstallationTestConfig, 'agentNamespaces' | 'injectionSelector'>;

async function main(): Promise<void> {
  const { controllerURL, controllerCA, patienceSeconds, kubernetes, ...installed } =
    readInstallationTestConfig(processEnvironment());
  const ca = await readFile(controllerCA, 'utf8');
  say(`Does the exchange at ${controllerURL} answer, with a certificate that sidecars trust?`);
  await patiently(() => exchangeAnswers(controllerURL, ca), patienceSeconds);
  const client = await createProcessClient(kubernetes, 'installation-test');
  try {
    await tryNamespaces(client, installed, patienceSeconds);
  } finally {
    await client.close();
  }
}

/** What is admitted in the namespaces that were given to the release. */
async function tryNamespaces(
  client: KubernetesClient,
  { agentNamespaces, injectionSelector }: Installed,
  patienceSeconds: number,
): Promise<void> {
  const [first] = agentNamespaces;
  if (first === undefined) {
    say('Neither grants nor pods were tried: rbac.agentNamespaces is empty.');
    return;
  }
  say(`Is a grant in ${first} admitted, by both webhooks and every policy?`);
  await patiently(() => grantIsAdmitted(client, first), patienceSeconds);
  const injected = await patiently(
    () => firstInjectedNamespace(client, agentNamespaces, injectionSelector),
    patienceSeconds,
  );
  if (injected === undefined) {
    say('Pods were not tried: no namespace of rbac.agentNamespaces is labelled for injection yet.');
    return;
  }
  say(`Is a pod in ${injected} injected, and admitted by every policy?`);
  await patiently(() => podIsInjected(client, injected), patienceSeconds);
}

main().then(
  () => say('ok'),
  (error: unknown) => {
    say(`No: ${reasonOf(error)}`);
    process.exitCode = 1;
  },
);
