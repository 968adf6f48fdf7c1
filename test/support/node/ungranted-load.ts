import { setTimeout as sleep } from 'node:timers/promises';
import type { ResidentAgent, ResidentCall } from './resident-agent.ts';

/** Calls that nobody granted, one after the other: each asks the controller. */
export interface UngrantedLoad extends AsyncDisposable {
  /** Codes of the answers, and how often each came. */
  readonly refusals: ReadonlyMap<string, number>;
  readonly calls: number;
  stop(): Promise<void>;
}

export function startUngrantedLoad(agent: ResidentAgent, call: ResidentCall): UngrantedLoad {
  const refusals = new Map<string, number>();
  const stopping = new AbortController();
  let calls = 0;
  const done = (async () => {
    while (!stopping.signal.aborted) {
      const answer = await agent.call(call);
      const name = 'failure' in answer ? answer.failure : (answer.code ?? `${answer.status}`);
      calls++;
      refusals.set(name, (refusals.get(name) ?? 0) + 1);
      await sleep(50);
    }
  })();
  const stop = (): Promise<void> => {
    stopping.abort();
    return done;
  };
  return {
    get calls() {
      return calls;
    },
    refusals,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
