/** What `helm test` does: tries what agents will need, one check after the other, and stops at the first that fails. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Output } from '../jobs/output.ts';
import type { Retry } from '../jobs/retry.ts';
import {
  exchangeAnswers,
  firstInjectedNamespace,
  grantIsAdmitted,
  podIsInjected,
} from './checks.ts';
import type { InstallationTestConfig } from './config.ts';

export interface InstallationTestDependencies
  extends Pick<InstallationTestConfig, 'controllerURL' | 'agentNamespaces' | 'injectionSelector'> {
  /** PEM that verifies the controller. */
  ca: string;
  connect(): Promise<KubernetesClient>;
  retry: Retry;
  output: Output;
}

/** @throws Error of the check that failed */
export async function testInstallation(dependencies: InstallationTestDependencies): Promise<void> {
  const { controllerURL, ca, connect, retry, output } = dependencies;
  output(`Check: the exchange at ${controllerURL} answers with a certificate that sidecars trust.`);
  await retry(() => exchangeAnswers(controllerURL, ca));
  const client = await connect();
  try {
    await testAdmission(client, dependencies);
  } finally {
    await client.close();
  }
}

async function testAdmission(
  client: KubernetesClient,
  { agentNamespaces, injectionSelector, retry, output }: InstallationTestDependencies,
): Promise<void> {
  const [first] = agentNamespaces;
  if (first === undefined) {
    output('Skipped: no grant and no pod was tried, because rbac.agentNamespaces is empty.');
    return;
  }
  output(`Check: a grant in ${first} passes both webhooks and every policy.`);
  await retry(() => grantIsAdmitted(client, first));
  const injected = await retry(() =>
    firstInjectedNamespace(client, agentNamespaces, injectionSelector),
  );
  if (injected === undefined) {
    output(
      'Skipped: no pod was tried, because no namespace of rbac.agentNamespaces is labelled for injection yet.',
    );
    return;
  }
  output(`Check: a pod in ${injected} is injected and passes every policy.`);
  await retry(() => podIsInjected(client, injected));
}
