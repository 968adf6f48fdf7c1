/** What the tests of the client ask of the scripted API server. */

import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import { KubernetesError } from '../../../../core/kubernetes/error.ts';
import { configMaps } from '../../../../core/kubernetes/resources.ts';

export const reference = { namespace: 'soc', name: 'a' };
export const metadata = { ...reference, uid: 'u1', resourceVersion: '7' };
export const object = { metadata, data: { key: 'value' } };

export const read = (client: KubernetesClient) => client.get(configMaps, reference);
export const write = (client: KubernetesClient) => client.replaceStatus(configMaps, object);
export const mint = (client: KubernetesClient) =>
  client.tokenRequest(reference, { audiences: ['a'] });

/** How the call failed; fails if it did not. */
export async function failure(call: Promise<unknown>): Promise<KubernetesError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof KubernetesError) return error;
  throw error;
}
