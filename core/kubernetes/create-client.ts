import type { Clock } from '../time/clock.ts';
import type { KubernetesClient } from './client.ts';
import { createRestClient } from './rest-client.ts';
import { checkAccess, type KubernetesServer, serverAccessReader } from './server.ts';
import { createTransport } from './undici-transport.ts';

export interface KubernetesClientOptions {
  server: KubernetesServer;
  userAgent: string;
  requestTimeoutMilliseconds: number;
  clock: Clock;
  /** Connections for everything but watches. Default 16. */
  connections?: number;
}

/**
 * A client of one API server. Connects with the first call, but reads its credentials now: what can never work is told at
 * once, and is not taken for a server that does not answer.
 * @throws Error with a code, of a file that cannot be read or used; its message may show what the file holds
 */
export async function createKubernetesClient({
  server,
  userAgent,
  requestTimeoutMilliseconds,
  clock,
  connections = 16,
}: KubernetesClientOptions): Promise<KubernetesClient> {
  const readAccess = await serverAccessReader(server);
  checkAccess(await readAccess());
  const transport = createTransport({ readAccess, userAgent, clock, connections });
  return createRestClient(transport, requestTimeoutMilliseconds);
}
