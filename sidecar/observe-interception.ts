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
    if (event.type === 'HandlerFailed') log.error('interception', { ...event });
    else log.info('interception', { ...event });
    const refused = refusedIn(event);
    if (refused === null) return;
    metrics.refusals.inc({ code: refused.code });
    refusals.report(refused);
  };
}

/** Clients that know of the proxy are told by their answers; others are often told nothing that their users would see. */
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
