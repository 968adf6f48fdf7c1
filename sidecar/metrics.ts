/** Everything the sidecar measures. Labels come from closed sets; never a URL, host or grant. */

import { ACTION_TYPE_NAMES } from '../core/action/action.ts';
import { PROBLEMS } from '../core/api/problem.ts';
import { closedCounter, closedHistogram, type Registry } from '../process/metrics.ts';
import { DNS_RESULTS } from './dns/responder.ts';

export type SidecarMetrics = ReturnType<typeof createSidecarMetrics>;

export function createSidecarMetrics(registry: Registry) {
  return {
    calls: closedCounter(registry, {
      name: 'actiongrant_sidecar_calls_total',
      help: 'Calls that could be described, by what became of them.',
      labels: { action_type: ACTION_TYPE_NAMES, effect: ['Granted', 'Refused', 'Discovery'] },
    }),
    refusals: closedCounter(registry, {
      name: 'actiongrant_sidecar_refusals_total',
      help: 'Calls that were refused or failed, by code.',
      labels: { code: Object.keys(PROBLEMS) },
    }),
    refusalsUnreported: closedCounter(registry, {
      name: 'actiongrant_sidecar_refusals_unreported_total',
      help: 'Refusals that no Event tells of: there were too many kinds at once, or the controller did not take the report.',
      labels: {},
    }),
    dnsQuestions: closedCounter(registry, {
      name: 'actiongrant_sidecar_dns_questions_total',
      help: "Questions to the sidecar's DNS, by what became of them.",
      labels: { result: DNS_RESULTS },
    }),
    useStage: closedHistogram(registry, {
      name: 'actiongrant_use_stage_duration_seconds',
      help: "Duration of the stage of a use that is the sidecar's: from the connection to the last byte of the answer.",
      labels: { stage: ['forward'] },
    }),
    addedLatency: closedHistogram(registry, {
      name: 'actiongrant_sidecar_added_latency_seconds',
      help: 'From the head of a call to its authorization.',
      labels: { action_type: ACTION_TYPE_NAMES },
    }),
  };
}
