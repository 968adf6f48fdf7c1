/**
 * Checks a cache miss once against the API server: `kubectl wait --for=condition=Ready` followed at once by the call must
 * work on every replica. Checks of one agent are shared and spaced, and few run at a time, so that agents that have no grant
 * cannot keep the API server busy.
 */

import type { Phase } from '../../core/api/phase.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import { createSpacedReads } from '../../process/spaced-reads.ts';
import type { Agent, GrantCache } from '../grants/cache.ts';
import { actionGrants } from '../grants/resource.ts';

const TIMEOUT_MILLISECONDS = 5_000;
/** Lists under way, for all agents together: less than half of the client's connections, which revoking needs too. */
const AT_ONCE = { Approved: 5, InUse: 2 } as const;

export interface Freshener {
  /** Resolves once the cache holds every grant of the phase that existed when this was called. @throws KubernetesError */
  freshen(agent: Agent): Promise<void>;
}

export interface FreshenerOptions {
  client: Pick<KubernetesClient, 'list'>;
  cache: GrantCache;
  clock: Clock;
  /** Of the grants that are looked for. */
  phase: Extract<Phase, 'Approved' | 'InUse'>;
  /** Namespaces besides its own whose grants this namespace's agents accept. */
  acceptedNamespaces(namespace: string): readonly string[];
}

export function createFreshener(options: FreshenerOptions): Freshener {
  const { client, cache, clock, phase, acceptedNamespaces } = options;
  const lists = createSpacedReads<Agent, void>({
    clock,
    atOnce: AT_ONCE[phase],
    async read({ namespace, serviceAccountName }) {
      // No resourceVersion: the most recent state, not a cache of the API server's.
      const { items } = await client.list(actionGrants, {
        namespace,
        fieldSelector: `spec.agent.serviceAccountName=${serviceAccountName},status.phase=${phase}`,
        timeoutMilliseconds: TIMEOUT_MILLISECONDS,
      });
      for (const grant of items) cache.observe(grant);
    },
  });
  return {
    async freshen({ namespace, serviceAccountName }) {
      await Promise.all(
        [namespace, ...acceptedNamespaces(namespace)].map((each) =>
          lists.read(`${each}/${serviceAccountName}`, { namespace: each, serviceAccountName }),
        ),
      );
    },
  };
}
