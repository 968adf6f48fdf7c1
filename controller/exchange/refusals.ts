/** Tells the owner of a pod what its sidecar refused: in Events of the pod. */

import { PROBLEMS } from '../../core/api/problem.ts';
import { NOTE_LIMIT_BYTES } from '../../core/kubernetes/event-object.ts';
import type { EventRecorder } from '../../core/kubernetes/events.ts';
import type { RefusalReport, ReportedRefusal } from '../../core/wire/refusals.ts';
import type { Caller } from '../use/caller.ts';
import type { RateLimiter } from './rate-limit.ts';

export interface RefusalHandler {
  /** @throws ProblemError TooManyRequests: the sidecar adds up and reports later */
  report(caller: Caller, report: RefusalReport): void;
}

export interface RefusalHandlerDependencies {
  /** Not the recorder for grants: an agent must not be able to crowd out their Events. */
  events: EventRecorder;
  rateLimiter: RateLimiter;
}

export function createRefusalHandler(dependencies: RefusalHandlerDependencies): RefusalHandler {
  const { events, rateLimiter } = dependencies;
  return {
    report(caller, report) {
      rateLimiter.take(caller.podUID);
      events.record({
        regarding: {
          apiVersion: 'v1',
          kind: 'Pod',
          namespace: caller.namespace,
          name: caller.podName,
          uid: caller.podUID,
        },
        type: 'Warning',
        reason: 'CallRefused',
        action: 'Refuse',
        note: noteOf(report),
      });
    },
  };
}

/** One report makes one Event. Kinds that do not fit into its note are counted: the recorder would cut them without a word. */
function noteOf({ refusals }: RefusalReport): string {
  const total = refusals.reduce((sum, { count }) => sum + count, 0);
  const calls = total === 1 ? '1 call' : `${total} calls`;
  const start = `The sidecar refused ${calls}; what was tried is in the agent's words. `;
  const kinds = refusals.toSorted(byUrgency).map(({ code, attempted, count }) => {
    // Quoted and escaped: they are the agent's words.
    return `${count} x ${code} (${PROBLEMS[code].title}): ${JSON.stringify(attempted)}`;
  });
  // Every character of the note takes one byte: what was attempted is ASCII, and so is the rest.
  for (let shown = kinds.length; ; shown--) {
    const note = start + kinds.slice(0, shown).join('; ') + theRest(kinds.length - shown);
    if (note.length <= NOTE_LIMIT_BYTES || shown === 1) return note;
  }
}

/** Refused connections that speak no HTTP come first, because their clients were told nothing; then the most frequent kinds. */
function byUrgency(a: ReportedRefusal, b: ReportedRefusal): number {
  const untold = ({ code }: ReportedRefusal) => (code === 'ProtocolRefused' ? 1 : 0);
  return untold(b) - untold(a) || b.count - a.count;
}

function theRest(kinds: number): string {
  if (kinds === 0) return '';
  return `; and ${kinds} more ${kinds === 1 ? 'kind' : 'kinds'}`;
}
