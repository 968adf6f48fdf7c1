/**
 * Checks a cache miss once against the API server: `kubectl wait --for=condition=Ready` followed at once by the call must
 * work on every replica. Checks of one agent are shared and spaced, so that an agent that has no grant cannot keep the API
 * server busy.
 */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import { pause } from '../../core/time/pause.ts';
import type { Agent, GrantCache } from '../grants/cache.ts';
import { actionGrants } from '../grants/resource.ts';

/** Time from one check of an agent to the next, at least. */
const INTERVAL_MILLISECONDS = 100;
/** A check of many grants costs the API server a lot. After it, the next one waits so many times its duration… */
const REST_FACTOR = 4;
/** …but never so long that those who wait for it give up. A check that lasted because a server was away cost little. */
const LONGEST_REST_MILLISECONDS = 1_000;
/** Agents remembered; the least recently checked one is forgotten first. */
const MAX_AGENTS = 10_000;
const TIMEOUT_MILLISECONDS = 5_000;

export interface Freshener {
  /** Resolves once the cache holds every Approved grant that existed when this was called. @throws KubernetesError */
  freshen(agent: Agent): Promise<void>;
}

export interface FreshenerOptions {
  client: Pick<KubernetesClient, 'list'>;
  cache: GrantCache;
  clock: Clock;
  /** Namespaces besides its own whose grants this namespace's agents accept. */
  acceptedNamespaces(namespace: string): readonly string[];
}

interface Checks {
  startedAt: number;
  /** Of the last check, ms. */
  duration: number;
  /** The check that has not started: who comes now may join it. One that runs may have read before they came. */
  waiting: Promise<void> | undefined;
}

export function createFreshener(options: FreshenerOptions): Freshener {
  const { client, cache, clock, acceptedNamespaces } = options;
  const agents = new Map<string, Checks>();

  const check = async (agent: Agent): Promise<void> => {
    const fieldSelector = `spec.agent.serviceAccountName=${agent.serviceAccountName},status.phase=Approved`;
    const namespaces = [agent.namespace, ...acceptedNamespaces(agent.namespace)];
    await Promise.all(
      namespaces.map(async (namespace) => {
        // No resourceVersion: the most recent state, not a cache of the API server's.
        const { items } = await client.list(actionGrants, {
          namespace,
          fieldSelector,
          timeoutMilliseconds: TIMEOUT_MILLISECONDS,
        });
        for (const grant of items) cache.observe(grant);
      }),
    );
  };

  const turn = async ({ startedAt, duration }: Checks): Promise<void> => {
    const rest = Math.min(REST_FACTOR * duration, LONGEST_REST_MILLISECONDS);
    const left = startedAt + Math.max(INTERVAL_MILLISECONDS, duration + rest) - clock.monotonic();
    if (left > 0) await pause(clock, left);
  };

  return {
    freshen(agent) {
      const key = `${agent.namespace}/${agent.serviceAccountName}`;
      const checks = agents.get(key) ?? {
        startedAt: Number.NEGATIVE_INFINITY,
        duration: 0,
        waiting: undefined,
      };
      agents.delete(key);
      agents.set(key, checks);
      if (agents.size > MAX_AGENTS) {
        for (const [oldest, { waiting }] of agents) {
          if (waiting !== undefined) continue;
          agents.delete(oldest);
          break;
        }
      }
      // The chain below never runs synchronously, so `waiting` is set before the check that clears it begins.
      checks.waiting ??= turn(checks).then(() => {
        checks.startedAt = clock.monotonic();
        checks.waiting = undefined;
        return check(agent).finally(() => {
          checks.duration = clock.monotonic() - checks.startedAt;
        });
      });
      return checks.waiting;
    },
  };
}
