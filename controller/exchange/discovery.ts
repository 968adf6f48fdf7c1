/**
 * What the API server offers, for agents' Kubernetes clients: they ask for it before every command. The sidecar has no
 * rights at the API server, and no grant is needed to learn which kinds exist, so the controller reads it with its own.
 * No object is ever read: only the paths below are.
 */

import { ProblemError } from '../../core/api/problem.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Clock } from '../../core/time/clock.ts';
import { Semaphore } from '../../process/semaphore.ts';

export interface Discovery {
  /** The document as JSON. @throws ProblemError DiscoveryRefused, NotFound, KubernetesUnavailable */
  read(path: unknown): Promise<Buffer>;
}

const NAME = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';
const PATHS = new RegExp(
  `^(?:/version|/api|/api/v1|/apis|/apis/${NAME}|/apis/${NAME}/${NAME}|/openapi/v3|/openapi/v3/api/v1|/openapi/v3/apis/${NAME}/${NAME})$`,
);
const LIFETIME_MILLISECONDS = 30_000;
const CAPACITY = 256;
/** Documents that are read at a time, for all agents together. */
const AT_ONCE = 3;

export function createDiscovery(client: Pick<KubernetesClient, 'raw'>, clock: Clock): Discovery {
  // Documents are kept as bytes: to serialize the larger ones for every answer would cost the hot path several milliseconds.
  const documents = new BoundedMap<string, { at: number; document: Promise<Buffer> }>(CAPACITY);

  const permits = new Semaphore(AT_ONCE);
  const readInTurn = async (path: string): Promise<unknown> => {
    const release = await permits.acquire();
    return client.raw(path).finally(release);
  };

  return {
    async read(path) {
      // OpenAPI documents are asked for with a hash that only serves caching.
      const bare = typeof path === 'string' ? path.replace(/\?.*$/s, '') : '';
      if (!PATHS.test(bare)) {
        throw new ProblemError('DiscoveryRefused', 'path: this is not a discovery path.', {
          field: 'path',
        });
      }
      const known = documents.get(bare);
      if (known !== undefined && clock.monotonic() - known.at < LIFETIME_MILLISECONDS) {
        return known.document;
      }
      const document = readInTurn(bare).then(
        (value) => Buffer.from(JSON.stringify(value)),
        (error: unknown) => {
          documents.delete(bare);
          throw isKubernetesError(error, 'NotFound')
            ? new ProblemError('NotFound', 'The API server offers nothing there.')
            : new ProblemError('KubernetesUnavailable', 'API discovery cannot be read now.', {
                cause: error,
              });
        },
      );
      documents.set(bare, { at: clock.monotonic(), document });
      return document;
    },
  };
}
