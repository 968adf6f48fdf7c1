/** API discovery for Kubernetes clients: what the API server offers, from the controller. It takes no grant. */

import { ProblemError } from '../core/api/problem.ts';
import type { DiscoveryDescription } from './describe/description.ts';
import type { ExchangeClient } from './exchange/client.ts';
import { credentialEchoed } from './forward/guard-response.ts';
import type { InterceptedCall } from './intercept/call.ts';
import type { MemoryHold } from './intercept/memory-budget.ts';
import type { SidecarMetrics } from './metrics.ts';
import type { LiveSecrets } from './scan/live-secrets.ts';
import { isClean } from './scan/secret-scanner.ts';
import type { Turns } from './turns.ts';

export interface DiscoveryDependencies {
  exchange: Pick<ExchangeClient, 'discovery'>;
  metrics: Pick<SidecarMetrics, 'calls'>;
  /** Schemas are text that tenants write. */
  secrets: LiveSecrets;
  turns: Turns;
}

/** Reading that takes no grant, and gives away no object. @throws ProblemError */
export async function answerDiscovery(
  { exchange, metrics, secrets, turns }: DiscoveryDependencies,
  call: Pick<InterceptedCall, 'respond'>,
  { upstream: { method, path } }: DiscoveryDescription,
  hold: Pick<MemoryHold, 'take'>,
): Promise<void> {
  if (method !== 'GET') {
    throw new ProblemError('DiscoveryRefused', 'API discovery is read with GET only.');
  }
  const document = await exchange.discovery(path).catch((error: unknown) => {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError(
      'ControllerUnavailable',
      'The ActionGrant controller cannot be reached, so API discovery is not available. Try again.',
      { cause: error },
    );
  });
  const bytes = await turns.run(() => {
    const text = Buffer.from(JSON.stringify(document));
    if (!isClean(secrets, [text])) throw credentialEchoed();
    return text;
  });
  // Megabytes, in memory for as long as the client takes to read them.
  hold.take(bytes.length);
  metrics.calls.inc({ action_type: 'Kubernetes', effect: 'Discovery' });
  call.respond.writeHead(200, [['content-type', 'application/json']]);
  await call.respond.end(bytes);
}
