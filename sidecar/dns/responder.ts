/** Answers DNS questions, byte for byte, and at most so many in a second. */

import type { Clock } from '../../core/time/clock.ts';
import { type AddressFamilies, answerQuestion } from './answer.ts';
import { encodeAnswer, RCODE, type Rcode, readQuery } from './message.ts';
import type { SyntheticAddresses } from './synthetic-addresses.ts';

export const DNS_RESULTS = [
  /** An address, or the name of one. */
  'Answered',
  'NoData',
  'NameError',
  'Refused',
  /** No question, or none that can be read in one way only. */
  'Malformed',
  /** More than the sidecar has time, or the kernel room, for; not answered. */
  'Dropped',
] as const;
export type DNSResult = (typeof DNS_RESULTS)[number];

export type DNSEvent =
  | { readonly type: 'Question'; readonly result: DNSResult }
  /** A socket failed; the others go on. */
  | { readonly type: 'Failed'; readonly error: unknown };

export interface ResponderOptions {
  addresses: SyntheticAddresses;
  families: AddressFamilies;
  clock: Clock;
  /** Hears of each question: it must be quick, and not throw. */
  onEvent(event: DNSEvent): void;
}

/** Null: there is no answer. */
export type Respond = (message: Buffer, transport: 'udp' | 'tcp') => Buffer | null;

/** Far above what a pod asks; below what would keep the sidecar from its calls. */
const QUESTIONS_PER_SECOND = 1000;
const BURST = 2000;

const RESULTS: Readonly<Record<Rcode, DNSResult>> = {
  [RCODE.noError]: 'NoData',
  [RCODE.nameError]: 'NameError',
  [RCODE.refused]: 'Refused',
  [RCODE.formatError]: 'Malformed',
  [RCODE.notImplemented]: 'Malformed',
};

export function createResponder(options: ResponderOptions): Respond {
  const { addresses, families, clock, onEvent } = options;
  const admit = createRateLimit(clock);
  return (message, transport) => {
    const observe = (result: DNSResult): void => onEvent({ type: 'Question', result });
    if (!admit()) {
      observe('Dropped');
      return null;
    }
    const read = readQuery(message);
    if (!('query' in read)) {
      observe('Malformed');
      return read.answer;
    }
    const { rcode, answers } = answerQuestion(read.query.question, addresses, families);
    observe(answers.length > 0 ? 'Answered' : RESULTS[rcode]);
    return encodeAnswer(read.query, rcode, answers, transport);
  };
}

/** A token bucket. */
function createRateLimit(clock: Clock): () => boolean {
  let tokens = BURST;
  let refilled = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    tokens = Math.min(BURST, tokens + ((now - refilled) / 1000) * QUESTIONS_PER_SECOND);
    refilled = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
