/**
 * What became of the latest calls that were granted: SDKs try again by themselves after a 5xx, a reset or a time-out, and show their
 * user the last answer only. The first try has used the grant up, so the second is refused; that refusal says how the first ended.
 * Of this sidecar's calls alone, in memory, bounded in number and time.
 */

import type { Action } from '../core/action/action.ts';
import { waysToState } from '../core/action/body.ts';
import { actionDigest, actionKeys } from '../core/action/digest.ts';
import { ProblemError } from '../core/api/problem.ts';
import { BoundedMap } from '../core/bounded-map.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Authorization } from './authorize.ts';

export interface Ending {
  /** The status that the service answered with, if it did. */
  status?: number;
  /** Whether a byte of the request was written. */
  dispatched: boolean;
  /** Why there is no answer, or not the whole of it. */
  problem?: ProblemError;
}

/** One granted call. */
export interface Try {
  end(ending: Ending): void;
}

export interface EarlierTries {
  begin(action: Action, authorization: Pick<Authorization, 'grant' | 'bodyForm'>): Try;
  /** A refusal for want of a grant, with what became of the last try of the same call. Code, text and status are all that is kept. */
  explained(action: Action, refusal: ProblemError): ProblemError;
}

interface Entry {
  grant: string;
  /** Wall clock, ms. */
  time: number;
  /** Monotonic ms. */
  at: number;
  ending: Ending | undefined;
}

const MAX_TRIES = 256;
/** SDKs give up within minutes (google-api-core: 2 minutes; AWS, OpenAI: less). */
const KEPT_MILLISECONDS = 600_000;

export function createEarlierTries(clock: Clock): EarlierTries {
  /** By the key under which the grant was found: what it covered once is the same call. */
  const tries = new BoundedMap<string, Entry>(MAX_TRIES);

  return {
    begin(action, { grant, bodyForm }) {
      const entry: Entry = {
        grant: grant.name,
        time: clock.now(),
        at: clock.monotonic(),
        ending: undefined,
      };
      const body = waysToState(action.body).find(({ form }) => form === bodyForm);
      if (body !== undefined) tries.set(actionDigest(action, body.pattern), entry);
      return {
        end(ending) {
          entry.ending = ending;
        },
      };
    },

    explained(action, refusal) {
      if (refusal.code !== 'GrantRequired' || tries.size === 0) return refusal;
      const since = clock.monotonic() - KEPT_MILLISECONDS;
      const [last] = actionKeys(action)
        .flatMap(({ digest }) => tries.get(digest) ?? [])
        .filter(({ at }) => at >= since)
        .sort((a, b) => b.at - a.at);
      if (last === undefined) return refusal;
      const { code, detail, status } = refusal;
      return new ProblemError(code, `${detail} ${told(last)}`, {
        status: carriedStatus(last.ending) ?? status,
      });
    },
  };
}

/**
 * The status that the SDK would have shown without its retry. Undefined where it would not have tried again: a status of the service
 * that says of the request itself that it was wrong is not said of a call that the service never saw.
 */
export function carriedStatus(ending: Ending | undefined): number | undefined {
  if (ending === undefined) return undefined;
  const { status, problem } = ending;
  if (status !== undefined && status >= 400) return isTriedAgain(status) ? status : undefined;
  if (problem === undefined) return undefined;
  // The agent's client gave up: its SDK calls that a time-out.
  if (problem.code === 'CallAborted') return status === undefined ? 504 : undefined;
  return isTriedAgain(problem.status) ? problem.status : undefined;
}

/** Statuses after which SDKs try again by themselves. */
function isTriedAgain(status: number): boolean {
  return status >= 500 || [408, 409, 425, 429].includes(status);
}

function told({ grant, time, ending }: Entry): string {
  const first = `The try at ${new Date(time).toISOString().slice(11, 19)} UTC`;
  const usedUp = `its grant ${grant} is used up.`;
  if (ending === undefined) return `${first} is still under way with grant ${grant}.`;
  const { status, dispatched, problem } = ending;
  if (status !== undefined) {
    const cut =
      problem === undefined || problem.code === 'CallAborted'
        ? ''
        : `, and its answer was cut off (${reason(problem)})`;
    const answered = `was answered ${status} by the service${cut}`;
    return status < 400 && cut === ''
      ? `${first} succeeded: it ${answered}; ${usedUp}`
      : `${first} ${answered}; ${usedUp}`;
  }
  if (dispatched) {
    return `${first} was sent, and no answer came (${reason(problem)}): whether the service carried it out is not known; ${usedUp}`;
  }
  return `${first} never reached the service (${reason(problem)}): its grant ${grant} is given back, three times at most.`;
}

function reason(problem: ProblemError | undefined): string {
  return problem === undefined
    ? 'unknown'
    : `${problem.code}: ${problem.detail.replace(/\.$/, '')}`;
}
