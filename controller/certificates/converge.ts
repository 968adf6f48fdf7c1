/**
 * Brings the authorities that all replicas share, and the bundle that is published of them, to where they should be.
 *
 * There is no leader here: every replica does the same, and each write is a compare-and-swap on what it was decided from, so
 * replicas that race converge on whoever wrote first. The bundle is published before a new authority signs anything.
 */

import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { issueAuthority, type KeyPair } from './authority.ts';
import { afterStep, bundleOf, decideAuthorityStep } from './plan.ts';
import { LAST_WEBHOOK_CONFIGURATION_NAME, publish, readPublished } from './publication.ts';
import { readAuthorities, writeAuthorities } from './store.ts';

/** Replicas that race each other need a round or two; more means that something else writes, too. */
const MAX_ROUNDS = 6;

export interface ConvergeDependencies {
  client: KubernetesClient;
  /** The controller's own namespace. */
  namespace: string;
  clock: Clock;
  log: Logger;
}

/** What all replicas agree on. */
export interface Converged {
  /** Signs serving certificates. */
  active: KeyPair;
  /** PEM of every authority that is trusted. */
  bundle: string;
  /** Whether everything that the bundle should be published to is there. */
  complete: boolean;
}

/** @throws KubernetesError, or ProblemError (ConfigurationInvalid, KubernetesUnavailable) */
export async function converge(dependencies: ConvergeDependencies): Promise<Converged> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const converged = await convergeOnce(dependencies);
    if (converged !== undefined) return converged;
  }
  throw new ProblemError(
    'KubernetesUnavailable',
    `The certificate authority in the namespace ${dependencies.namespace} keeps being changed by somebody else.`,
  );
}

/** One look at what is there, and one write at most. @returns undefined if it has to be read again */
async function convergeOnce({
  client,
  namespace,
  clock,
  log,
}: ConvergeDependencies): Promise<Converged | undefined> {
  // Read before the Secret: if a newer authority is published meanwhile, our older bundle meets a conflict.
  const published = await readPublished(client, namespace);
  const stored = await readAuthorities(client, namespace);
  const current = stored?.authorities ?? null;
  const now = clock.now();
  const step = decideAuthorityStep(current, now);
  if (current === null || step !== 'Keep') {
    const changed = await afterStep(step, current, () => issueAuthority(now));
    const written = await writeAuthorities(client, namespace, changed, stored);
    if (written) log.info('the certificate authority changed', { step });
    return undefined;
  }
  const bundle = bundleOf(current);
  if (!(await publish(client, namespace, published, bundle))) return undefined;
  // The last one is called for comfort, and the chart of an earlier release does not have it.
  const complete = published.webhooks.every(
    ({ configuration, name }) => configuration !== null || name === LAST_WEBHOOK_CONFIGURATION_NAME,
  );
  return { active: current.active, bundle, complete };
}
