/** The caches, and what a change in them leads to. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { keyOf } from '../../core/kubernetes/object.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { type Caches, createCaches } from '../caches/caches.ts';
import { revokeAll } from '../credentials/credentials.ts';
import type { GrantRecorder } from '../record/recorder.ts';
import type { GrantQueue } from './grant-queue.ts';

export interface CachesParts {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  recorder: GrantRecorder;
  grantQueue: GrantQueue;
  agentNamespaces: readonly string[];
}

export function createWatchingCaches(parts: CachesParts): Caches {
  const { client, clock, log, recorder, grantQueue, agentNamespaces } = parts;
  const caches = createCaches({
    client,
    clock,
    log,
    agentNamespaces,
    onGrant: (grant) => grantQueue.changed(caches.grants, grant),
    // On every replica: a deletion is seen once, so it must not be lost between two leaders. Repeating it is harmless.
    onGrantDeleted(lastKnown) {
      recorder.deleted(lastKnown);
      grantQueue.deleted(caches.grants, lastKnown);
      // To delete a grant is to revoke it. Garbage collection does the same when no controller runs.
      revokeAll(client, lastKnown).catch((error: unknown) =>
        log.warn('the Secret of a deleted grant is left to garbage collection', {
          grant: keyOf(lastKnown.metadata),
          error,
        }),
      );
    },
  });
  return caches;
}
