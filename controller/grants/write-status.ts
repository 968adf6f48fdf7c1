/** The one way a status is written: a compare-and-swap that also names the UID, and what it wrote is in the cache after. */

import type { ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import type { CallOptions, KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { GrantCache } from './cache.ts';
import { actionGrants, type LiveGrant } from './resource.ts';

export interface StatusWriter {
  client: Pick<KubernetesClient, 'replaceStatus'>;
  cache: Pick<GrantCache, 'observe'>;
}

/**
 * Writes the next status onto exactly the version that it was derived from.
 * @throws KubernetesError `Conflict` if the grant has changed or was re-created, `Ambiguous` if it may have been applied
 */
export async function writeStatus(
  { client, cache }: StatusWriter,
  grant: LiveGrant,
  status: ActionGrantStatus,
  options: CallOptions = {},
): Promise<LiveGrant> {
  const { namespace, name, uid, resourceVersion } = grant.metadata;
  // The metadata is reduced to what identifies the grant and what is compared. The status subresource ignores the rest.
  const body = {
    ...grant,
    metadata: { namespace, name, uid, resourceVersion },
    status,
  } as LiveGrant;
  const written = await client.replaceStatus(actionGrants, body, options);
  cache.observe(written);
  return written;
}

/** As `writeStatus`, for who looks again after a lost compare-and-swap. @throws KubernetesError for anything else */
export async function trySwap(
  writer: StatusWriter,
  grant: LiveGrant,
  status: ActionGrantStatus,
): Promise<LiveGrant | 'Conflict'> {
  try {
    return await writeStatus(writer, grant, status);
  } catch (error) {
    if (isKubernetesError(error, 'Conflict')) return 'Conflict';
    throw error;
  }
}

/**
 * Tries once, and again for as long as somebody else was first.
 * @param tries in all
 * @param attempt looks, decides and writes; `live`: somebody was first, so the cache may be behind
 * @returns undefined if every try ended in a conflict
 */
export async function whileConflicts<T>(
  tries: number,
  attempt: (live: boolean) => Promise<T | 'Conflict'>,
): Promise<T | undefined> {
  for (let conflicts = 0; conflicts < tries; conflicts++) {
    const result = await attempt(conflicts > 0);
    if (result !== 'Conflict') return result;
  }
  return undefined;
}
