import { randomUUID } from 'node:crypto';
import { inUse } from '../../controller/grants/transitions.ts';
import { writeStatus } from '../../controller/grants/write-status.ts';
import type { Use } from '../../core/api/generated/actiongrant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { BenchGrant } from './usable-grants.ts';

/** The consuming write of a use, byte for byte as the controller writes it, and nothing else. */
export async function consumingWrite(
  client: KubernetesClient,
  { grant }: BenchGrant,
  pod: { readonly podName: string; readonly podUid: string },
  nonce: string,
  token: { jti: string; expirationTime: string },
): Promise<void> {
  const bound = grant.status?.credential;
  if (bound === undefined) throw new Error('the grant has no credential');
  const use: Pick<Use, 'id' | 'attemptID' | 'podName' | 'podUID' | 'credential'> = {
    id: nonce,
    attemptID: randomUUID(),
    podName: pod.podName,
    podUID: pod.podUid,
    credential: {
      id: token.jti,
      secretName: bound.secretName,
      secretUID: bound.secretUID,
      expirationTime: token.expirationTime,
    },
  };
  const cache = { observe: () => true };
  await writeStatus({ client, cache }, grant, inUse(grant, use, systemClock.now()));
}
