/**
 * What happens to connections beside calls, for the log, the metrics and, where people should know, a report of a refusal.
 */

import type { Logger } from '../process/log.ts';
import { destinationText } from './describe/destination.ts';
import type { RefusalReporter, RefusedCall } from './exchange/report-refusals.ts';
import type { InterceptEvent, InterceptObserver } from './intercept/event.ts';
import type { SidecarMetrics } from './metrics.ts';

export interface InterceptionObserverDependencies {
  log: Logger;
  metrics: Pick<SidecarMetrics, 'refusals'>;
  refusals: Pick<RefusalReporter, 'report'>;
}

export function createInterceptionObserver({
  log,
  metrics,
  refusals,
}: InterceptionObserverDependencies): InterceptObserver {
  return (event) => {
    if (event.type === 'HandlerFailed') log.error('a call could not be handled', { ...event });
    else log.info('a client connection was not served', { ...event });
    const refused = refusedIn(event);
    if (refused === null) return;
    metrics.refusals.inc({ code: refused.code });
    refusals.report(refused);
  };
}

/**
 * Only on redirected connections: a client that knows of the proxy is told by the answer, while the others often learn of
 * nothing that their users would see.
 */
function refusedIn(event: InterceptEvent): RefusedCall | null {
  if (!('destination' in event) || event.destination === undefined) return null;
  const to = `to ${destinationText(event.destination)}`;
  switch (event.type) {
    case 'ProtocolRefused':
      return { code: 'ProtocolRefused', attempted: `${event.protocol} ${to}` };
    case 'ParseFailed':
      return { code: 'RequestMalformed', attempted: `malformed HTTP ${to}` };
    case 'TLSFailed':
      // An alert is the client's own word: most often, that it trusts no CA but its own (pinning).
      return event.code.includes('_ALERT_')
        ? { code: 'ProtocolRefused', attempted: `TLS ${to}, given up by the client` }
        : null;
  }
}
