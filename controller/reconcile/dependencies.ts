import type { Clock } from '../../process/clock.ts';
import type { SecretDependencies } from '../grants/bound-secret.ts';
import type { GrantCache } from '../grants/cache.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { Reporter } from '../report.ts';

/** What every step of a reconciliation works with. */
export interface StepDependencies extends SecretDependencies {
  client: KubernetesClient;
  cache: GrantCache;
  clock: Clock;
  reporter: Reporter;
}
