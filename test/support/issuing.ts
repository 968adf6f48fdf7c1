import { createApiAudiences } from '../../controller/credentials/api-audiences.ts';
import type { IssueDependencies } from '../../controller/credentials/credential-type.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { systemClock } from '../../core/time/clock.ts';

const known = new WeakMap<KubernetesClient, IssueDependencies>();

/** What a replica that was told nothing of the cluster mints with: the same each time, as in a process. */
export function issuingWith(client: KubernetesClient): IssueDependencies {
  const before = known.get(client);
  if (before !== undefined) return before;
  const made = {
    client,
    apiServerAudiences: createApiAudiences({
      client,
      clock: systemClock,
      configured: [],
      ownToken: async () => undefined,
    }),
  };
  known.set(client, made);
  return made;
}
