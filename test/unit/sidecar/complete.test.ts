import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ProblemCode, ProblemError } from '../../../core/api/problem.ts';
import { Secret } from '../../../core/text/secret.ts';
import { createLogger } from '../../../process/log.ts';
import { afterFailure, type Completion, createCompletions } from '../../../sidecar/complete.ts';
import { NoAnswerError } from '../../../sidecar/exchange/answer.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { finished, GRANT, lost, problem, ScriptedExchange, text } from './scripted-exchange.ts';

const NONCE = '0f8fad5b-d9cb-469f-a165-70867728950e';
const COMPLETION: Completion = {
  nonce: NONCE,
  outcome: 'Succeeded',
  grant: GRANT,
  responseCode: 200,
  token: new Secret('the.minted.token'),
};

let exchange: ScriptedExchange;
let clock: PauseClock;
let lines: string[];
beforeEach(async () => {
  exchange = await ScriptedExchange.start();
  clock = new PauseClock();
  lines = [];
});
afterEach(() => exchange[Symbol.asyncDispose]());

/** @param random 1: the longest pauses there are */
const someCompletions = (random = () => 1) =>
  createCompletions({
    exchange: exchange.client(),
    clock,
    random,
    log: createLogger({
      level: 'debug',
      fields: {},
      write: (line) => void lines.push(line),
      now: () => clock.now(),
    }),
  });

/** Remembers how long the pauses were. */
class PauseClock extends FakeClock {
  readonly pauses: number[] = [];

  override after(milliseconds: number, fn: () => void): { cancel(): void } {
    this.pauses.push(milliseconds);
    return super.after(milliseconds, fn);
  }
}

/** What a report comes to, with every pause passed at once. */
async function result(report: Promise<boolean>): Promise<boolean> {
  let settled = false;
  void report.finally(() => {
    settled = true;
  });
  while (!settled) {
    if (clock.pending > 0) await clock.advance(5_000);
    else await sleep(1);
  }
  return report;
}

describe('the end of a use', () => {
  it('is reported once, with the token for whoever confirms that it is refused', async () => {
    expect(await someCompletions().complete(COMPLETION)).toBe(true);
    expect(exchange.messages).toEqual([
      {
        type: 'finish',
        path: `/v1/uses/${NONCE}/finish`,
        authorization: 'Bearer the.pod.token',
        nonce: NONCE,
        body: {
          outcome: 'Succeeded',
          grant: GRANT,
          responseCode: 200,
          credentialToken: 'the.minted.token',
        },
      },
    ]);
    expect(lines).toEqual([]);
  });

  it('that is only known by its nonce says no more than that', async () => {
    await someCompletions().complete({ nonce: NONCE, outcome: 'NotDispatched' });
    expect(exchange.messages[0]).toMatchObject({ body: { outcome: 'NotDispatched' } });
    expect(JSON.stringify(exchange.messages[0])).not.toMatch(/grant"|responseCode|credential/);
  });

  it.each([
    ['the answer is lost', lost],
    ['the controller is not ready', problem('NotReady')],
    ['the API server is away', problem('KubernetesUnavailable')],
    ['too much was asked', problem('TooManyRequests')],
    ['something else answers', text(502, '<html>')],
  ])('is reported again when %s, with the same words', async (_, script) => {
    exchange.finishes = [script, script];
    expect(await result(someCompletions().complete(COMPLETION))).toBe(true);
    expect(exchange.messages).toHaveLength(3);
    expect(new Set(exchange.messages.map((message) => JSON.stringify(message))).size).toBe(1);
  });

  it('is reported less and less often, and at last left to the deadline of the use', async () => {
    exchange.otherwise.finish = problem('NotReady');
    expect(await result(someCompletions().complete(COMPLETION))).toBe(false);
    expect(clock.pauses).toEqual([
      ...[100, 200, 400, 800, 1600, 3200],
      ...Array<number>(9).fill(5000),
    ]);
    expect(exchange.messages).toHaveLength(16);
    expect(JSON.parse(lines.join())).toMatchObject({
      level: 'error',
      message: 'the outcome of a use could not be reported, so its deadline ends the use',
      nonce: NONCE,
      outcome: 'Succeeded',
      code: 'NotReady',
    });
  });

  it('is not reported again in step with others that failed at the same time', async () => {
    exchange.finishes = Array.from({ length: 3 }, () => problem('NotReady'));
    const draws = [0, 0.5, 0.9];
    await result(someCompletions(() => draws.shift() ?? 0).complete(COMPLETION));
    expect(clock.pauses).toEqual([50, 150, 380]);
  });

  it.each<ProblemCode>(['UseNotYours', 'Unauthenticated', 'PodUnknown', 'RequestMalformed'])(
    'is not reported again when it is refused for good: %s',
    async (code) => {
      exchange.finishes = [problem(code)];
      expect(await someCompletions().complete(COMPLETION)).toBe(false);
      expect(exchange.messages).toHaveLength(1);
      expect(lines).toHaveLength(1);
    },
  );

  it('never shows the token in a log', async () => {
    exchange.otherwise.finish = lost;
    await result(someCompletions().complete(COMPLETION));
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toContain('the.minted.token');
  });
});

describe('a use that nobody knows', () => {
  it('is over after three questions, if its request was never answered', async () => {
    exchange.otherwise.finish = problem('UseUnknown');
    const completion = { nonce: NONCE, outcome: 'NotDispatched' } as const;
    expect(await result(someCompletions().complete(completion))).toBe(true);
    expect(exchange.messages).toHaveLength(3);
  });

  it('may have come to be known by the second question', async () => {
    exchange.finishes = [problem('UseUnknown'), finished];
    const completion = { nonce: NONCE, outcome: 'NotDispatched' } as const;
    expect(await result(someCompletions().complete(completion))).toBe(true);
    expect(exchange.messages).toHaveLength(2);
  });

  it('but was granted, is asked for until it is known', async () => {
    exchange.finishes = Array.from({ length: 5 }, () => problem('UseUnknown'));
    expect(await result(someCompletions().complete(COMPLETION))).toBe(true);
    expect(exchange.messages).toHaveLength(6);
  });
});

describe('completions are idle', () => {
  it('when there is nothing to report', async () => {
    await someCompletions().idle();
  });

  it('only when every report has arrived, also one that began meanwhile', async () => {
    exchange.finishes = [problem('NotReady')];
    const completions = someCompletions();
    void completions.complete(COMPLETION).then(() => {
      void completions.complete({ ...COMPLETION, outcome: 'Failed' });
    });
    let idle = false;
    const done = completions.idle().then(() => {
      idle = true;
    });
    await eventually(() => expect(clock.pending).toBe(1));
    expect(idle).toBe(false);
    await clock.advance(100);
    await done;
    expect(exchange.messages).toHaveLength(3);
  });
});

describe('after a failed try', () => {
  const state = { tries: 1, grantKnown: true, pastDeadline: true };
  const problemOf = (code: ProblemCode) => new ProblemError(code, 'No.');
  const silence = new NoAnswerError(true, new Error('lost'));

  it.each<[string, unknown, Partial<typeof state>, ReturnType<typeof afterFailure>]>([
    ['without an answer', silence, {}, 'Again'],
    ['for the last time, after the deadline', silence, { tries: 16 }, 'GiveUp'],
    [
      'for the last time, before the deadline',
      silence,
      { tries: 16, pastDeadline: false },
      'Again',
    ],
    ['for now', problemOf('NotReady'), {}, 'Again'],
    ['for now, for the last time', problemOf('NotReady'), { tries: 16 }, 'GiveUp'],
    ['for ever', problemOf('UseNotYours'), { pastDeadline: false }, 'GiveUp'],
    [
      'twice by a use that nobody knows',
      problemOf('UseUnknown'),
      { tries: 2, grantKnown: false },
      'Again',
    ],
    [
      'thrice by a use that nobody knows',
      problemOf('UseUnknown'),
      { tries: 3, grantKnown: false },
      'Done',
    ],
    ['thrice by a use whose grant is known', problemOf('UseUnknown'), { tries: 3 }, 'Again'],
  ])('that failed %s: %o', (_, error, changes, next) => {
    expect(afterFailure(error, { ...state, ...changes })).toBe(next);
  });
});
