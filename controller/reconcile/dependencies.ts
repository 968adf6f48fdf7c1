import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { PrepareDependencies } from '../credentials/credential-type.ts';
import type { GrantCache } from '../grants/cache.ts';
import type { GrantRecorder } from '../record/recorder.ts';

/** What every step of a reconciliation works with. */
export interface StepDependencies extends PrepareDependencies {
  client: KubernetesClient;
  cache: GrantCache;
  clock: Clock;
  recorder: GrantRecorder;
}
