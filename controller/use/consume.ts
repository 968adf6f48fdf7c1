/** The only consumption: one compare-and-swap on the grant's status. */

import type { ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import { currentUse } from '../../core/api/grant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { IssuedCredential } from '../credentials/credential-type.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { inUse } from '../grants/transitions.ts';
import { type StatusWriter, writeStatus } from '../grants/write-status.ts';
import type { Caller } from './caller.ts';

export type Consumption =
  /** The grant names this nonce and this attempt: hand over. */
  | { type: 'Consumed'; grant: LiveGrant }
  /** Somebody else changed the grant first: drop the token and look again. */
  | { type: 'Conflict' }
  /** The write may have happened or may still: drop the token, try no other grant for this call. */
  | { type: 'Ambiguous' };

export interface ConsumeOptions extends StatusWriter {
  client: KubernetesClient;
  grant: LiveGrant;
  nonce: string;
  /** Random, and of this one write: a second try, of whatever call on whatever replica, has another. */
  attemptID: string;
  caller: Caller;
  credential: IssuedCredential | undefined;
  /** Wall clock, ms. */
  now: number;
  /** Nothing may be written after this many ms. */
  timeoutMilliseconds: number;
}

/** @throws KubernetesError when the write was definitely not applied for a reason other than a conflict */
export async function consume(options: ConsumeOptions): Promise<Consumption> {
  const { grant, timeoutMilliseconds } = options;
  try {
    return {
      type: 'Consumed',
      grant: await writeStatus(options, grant, consumedStatus(options), { timeoutMilliseconds }),
    };
  } catch (error) {
    if (isKubernetesError(error, 'Conflict', 'NotFound')) return { type: 'Conflict' };
    if (isKubernetesError(error, 'Ambiguous')) return readBack(options);
    throw error;
  }
}

function consumedStatus(options: ConsumeOptions): ActionGrantStatus {
  const { grant, nonce, attemptID, caller, credential, now } = options;
  return inUse(
    grant,
    {
      id: nonce,
      attemptID,
      podName: caller.podName,
      podUID: caller.podUID,
      ...(credential === undefined ? {} : { credential: credential.record }),
    },
    now,
  );
}

/** How long the answer to an ambiguous write may take to be read back. */
const READ_BACK_MILLISECONDS = 2_000;

/**
 * Reads the grant from the API server, not the cache. The write was ours only if the grant is InUse by this nonce and by this
 * very attempt: another replica may have consumed it for a repeated message of the same nonce, with a token of its own. A CRD
 * of an earlier release prunes the attempt's ID, and then nothing is known.
 */
async function readBack(options: ConsumeOptions): Promise<Consumption> {
  const { client, cache, grant, nonce, attemptID } = options;
  const { namespace, name, uid } = grant.metadata;
  try {
    const live = await client.get(
      actionGrants,
      { namespace, name },
      { timeoutMilliseconds: READ_BACK_MILLISECONDS },
    );
    cache.observe(live);
    const use = currentUse(live);
    return live.metadata.uid === uid && use?.id === nonce && use.attemptID === attemptID
      ? { type: 'Consumed', grant: live }
      : { type: 'Ambiguous' };
  } catch {
    // Whatever the reason, nothing is known: the caller gets a retryable refusal and no credential.
    return { type: 'Ambiguous' };
  }
}
