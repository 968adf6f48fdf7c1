/** Which grants the leader has to look at. */

import { keyOf } from '../../core/kubernetes/object.ts';
import { createWorkQueue, type WorkQueue } from '../../core/kubernetes/workqueue.ts';
import type { Clock } from '../../core/time/clock.ts';
import { firstEndedBeyond, type GrantCache } from '../grants/cache.ts';
import type { LiveGrant } from '../grants/resource.ts';

export interface GrantQueue {
  readonly queue: WorkQueue;
  /** A grant is new, has changed, or the pod that uses it is gone. */
  changed(cache: GrantCache, grant: LiveGrant): void;
  deleted(cache: GrantCache, lastKnown: LiveGrant): void;
  /** From now on every grant is looked at, beginning with those that are there. */
  startLeading(cache: GrantCache): void;
  stopLeading(): void;
}

/** @param maxFinishedPerNamespace ended grants that a namespace keeps */
export function createGrantQueue(clock: Clock, maxFinishedPerNamespace: number): GrantQueue {
  const queue = createWorkQueue({ clock });
  /** Keys that nobody takes would only pile up: a new leader begins with every grant there is. */
  let leading = false;
  const enqueue = (grant: LiveGrant | undefined): void => {
    if (leading && grant !== undefined) queue.add(keyOf(grant.metadata));
  };
  /** A grant that ends may push out the one that ended first; one that is gone may not have been the only one too many. */
  const enqueueSurplus = (cache: GrantCache, { metadata: { namespace } }: LiveGrant): void => {
    if (leading) enqueue(firstEndedBeyond(cache, namespace, maxFinishedPerNamespace));
  };
  return {
    queue,
    changed(cache, grant) {
      enqueue(grant);
      enqueueSurplus(cache, grant);
    },
    deleted: enqueueSurplus,
    startLeading(cache) {
      leading = true;
      for (const grant of cache.list()) enqueue(grant);
    },
    stopLeading() {
      leading = false;
    },
  };
}
