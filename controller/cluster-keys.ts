/** The keys that the cluster signs ServiceAccount tokens with, as its API server publishes them. */

import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { ProblemError } from '../core/api/problem.ts';
import type { KubernetesClient } from '../core/kubernetes/client.ts';
import type { Clock } from '../core/time/clock.ts';

/** One reading of the keys: the next one is another object. */
export interface ClusterKeys {
  issuer: string;
  resolve: ReturnType<typeof createLocalJWKSet>;
}

/** The keys for a token that says it is signed with the key `kid`. @throws ProblemError KubernetesUnavailable */
export type ClusterKeySource = (kid: string | undefined) => Promise<ClusterKeys>;

/** What API servers sign with. Neither `none` nor a shared secret: a public key would pass for one. */
export const SIGNATURE_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

interface Reading extends ClusterKeys {
  fetchedAt: number;
  ids: ReadonlySet<string>;
}

/** An unknown key is looked up at most this often: it may be a rotation, or somebody making us busy. */
const KEY_REFRESH_INTERVAL_MILLISECONDS = 10_000;
/** Keys that were taken out of the cluster's set stop being accepted after at most this. */
const KEY_LIFETIME_MILLISECONDS = 5 * 60_000;

export function createClusterKeys(
  client: Pick<KubernetesClient, 'raw'>,
  clock: Clock,
): ClusterKeySource {
  let keys: Reading | undefined;
  let fetching: Promise<Reading> | undefined;

  const fetchKeys = async (): Promise<Reading> => {
    const [configuration, jwks] = await Promise.all([
      client.raw('/.well-known/openid-configuration'),
      client.raw('/openid/v1/jwks'),
    ]);
    const set = jwks as JSONWebKeySet;
    return {
      issuer: (configuration as { issuer: string }).issuer,
      fetchedAt: clock.monotonic(),
      resolve: createLocalJWKSet(set),
      ids: new Set(set.keys.flatMap((key) => (key.kid === undefined ? [] : [key.kid]))),
    };
  };

  return async (kid) => {
    const age = keys === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - keys.fetchedAt;
    const known = keys !== undefined && kid !== undefined && keys.ids.has(kid);
    if (
      keys !== undefined &&
      (known ? age < KEY_LIFETIME_MILLISECONDS : age < KEY_REFRESH_INTERVAL_MILLISECONDS)
    ) {
      return keys;
    }
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined;
    });
    try {
      keys = await fetching;
      return keys;
    } catch (error) {
      throw new ProblemError(
        'KubernetesUnavailable',
        "The cluster's token keys cannot be read now.",
        { cause: error },
      );
    }
  };
}
