/** How many API servers answer for the cluster: each caches authentications by itself. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { endpointSlices } from '../../core/kubernetes/resources.ts';
import type { Clock } from '../../core/time/clock.ts';

/** How long an answer is believed. */
const SERVERS_LIFETIME_MILLISECONDS = 60_000;

/** Whether several API servers stand behind the cluster's address; several until it is known. */
export function createServerCount(
  client: Pick<KubernetesClient, 'list'>,
  clock: Clock,
): () => Promise<boolean> {
  let known: { several: boolean; at: number } | undefined;
  let counting: Promise<boolean> | undefined;

  const count = async (): Promise<boolean> => {
    try {
      const { items } = await client.list(endpointSlices, {
        namespace: 'default',
        labelSelector: 'kubernetes.io/service-name=kubernetes',
      });
      const addresses = items
        .flatMap(({ endpoints }) => endpoints ?? [])
        .flatMap((e) => e.addresses);
      known = { several: new Set(addresses).size !== 1, at: clock.monotonic() };
      return known.several;
    } catch {
      return true;
    } finally {
      counting = undefined;
    }
  };

  return async () => {
    if (known !== undefined && clock.monotonic() - known.at < SERVERS_LIFETIME_MILLISECONDS) {
      return known.several;
    }
    counting ??= count();
    return counting;
  };
}
