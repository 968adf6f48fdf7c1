import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../../core/api/problem.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import type { Clock } from '../../../core/time/clock.ts';
import { createLogger } from '../../../process/log.ts';
import { type Authorization, afterFailure, authorize } from '../../../sidecar/authorize.ts';
import { createCompletions } from '../../../sidecar/complete.ts';
import { NoAnswerError } from '../../../sidecar/exchange/answer.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { freePort } from '../../support/ports.ts';
import {
  ACTION,
  finished,
  GRANT,
  granted,
  hurriedClock,
  lost,
  problem,
  type Script,
  ScriptedExchange,
  silent,
  text,
} from './scripted-exchange.ts';

let exchange: ScriptedExchange;
beforeEach(async () => {
  exchange = await ScriptedExchange.start();
});
afterEach(() => exchange[Symbol.asyncDispose]());

const log = createLogger({ level: 'error', fields: {}, write: () => {}, now: Date.now });

interface Options {
  clock?: Clock;
  waitMilliseconds?: number;
  urls?: readonly string[];
  signal?: AbortSignal;
  random?: () => number;
}

function ask({
  clock = hurriedClock(),
  waitMilliseconds = 60_000,
  urls = [exchange.url],
  signal = new AbortController().signal,
  random = Math.random,
}: Options = {}): Promise<Authorization> {
  const client = exchange.client(urls);
  const { complete } = createCompletions({ exchange: client, clock, log });
  return authorize(
    { exchange: client, complete, clock, createNonce: randomUUID, waitMilliseconds, random },
    ACTION,
    signal,
  );
}

/** The refusal; fails if the use was authorized. */
async function refused(options?: Options): Promise<ProblemError> {
  const result = await ask(options).catch((error: unknown) => error);
  if (result instanceof ProblemError) return result;
  throw new Error('the use was authorized', { cause: result });
}

/** What arrived, in its order, with the nonces as numbers: `use 1`, `finish 1 NotDispatched`. */
function story(messages = exchange.messages): string[] {
  const nonces: string[] = [];
  const number = (nonce: string): number => {
    if (!nonces.includes(nonce)) nonces.push(nonce);
    return nonces.indexOf(nonce) + 1;
  };
  return messages.map((message) => {
    if (message.type === 'use') return `use ${number(message.body.nonce)}`;
    if (message.type === 'finish') {
      return `finish ${number(message.nonce)} ${message.body.outcome}`;
    }
    return 'discovery';
  });
}

describe('a use', () => {
  it('is asked for once, with a nonce, the action and the time that is left', async () => {
    const authorization = await ask();
    expect(story()).toEqual(['use 1']);
    const [message] = exchange.messages;
    expect(message).toMatchObject({
      authorization: 'Bearer the.pod.token',
      body: { nonce: authorization.nonce, action: ACTION },
    });
    const { waitMilliseconds } = (message as { body: { waitMilliseconds: number } }).body;
    expect(Number.isInteger(waitMilliseconds)).toBe(true);
    expect(waitMilliseconds).toBeLessThanOrEqual(60_000);
    expect(authorization).toMatchObject({ grant: GRANT, bodyForm: 'None' });
    expect(authorization.credential?.token.reveal()).toBe('the.minted.token');
    expect(JSON.stringify(authorization)).not.toContain('the.minted.token');
  });

  it('may have no credential', async () => {
    exchange.uses = [granted({ credential: undefined })];
    expect((await ask()).credential).toBeUndefined();
  });

  it('has a deadline that is counted from before it was asked for', async () => {
    const clock = new FakeClock();
    let answerNow = (): void => {};
    exchange.uses = [
      (response, message) => {
        answerNow = () => granted({ timeoutMilliseconds: 30_000 })(response, message);
      },
    ];
    const asked = { monotonic: clock.monotonic(), wall: clock.now() };
    const use = ask({ clock });
    await eventually(() => expect(exchange.messages).toHaveLength(1));
    await clock.advance(2_000);
    // The machine slept while it waited for the answer.
    clock.wallOffset += 60_000;
    answerNow();
    expect(await use).toMatchObject({
      deadline: asked.monotonic + 30_000,
      wallDeadline: asked.wall + 30_000,
    });
  });

  it('of a second try has a deadline that is counted from that try', async () => {
    const clock = new FakeClock();
    exchange.uses = [problem('NotReady')];
    const asked = clock.monotonic();
    const use = ask({ clock });
    await eventually(() => expect(clock.pending).toBe(1));
    await clock.advance(50);
    const { deadline } = await use;
    // The pause before it is 25 to 50 ms.
    expect(deadline).toBeGreaterThanOrEqual(asked + 25 + 30_000);
    expect(deadline).toBeLessThanOrEqual(asked + 50 + 30_000);
  });
});

/** The grant may be consumed for the nonce, but this sidecar has nothing to use it with. */
const MAYBE_CONSUMED: Record<string, Script> = {
  'an answer that is lost': lost,
  'an answer cut short': (response) => {
    response.writeHead(201, { 'content-length': '1000' }).write('{"nonce":');
    setTimeout(() => response.socket?.destroy(), 5);
  },
  'an answer that is no JSON': text(201, 'welcome to the proxy'),
  'an empty answer': text(201, ''),
  'an answer with nothing in it': text(201, '{}'),
  'an answer with a member too many': granted({ extra: 1 } as object),
  'an answer for another nonce': granted({ nonce: randomUUID() }),
  'a gateway that gives up': text(502, '<html>Bad Gateway</html>'),
  'a gateway that has enough': text(503, 'no healthy upstream'),
  'a refusal without a code of ours': text(403, '{"code":"Whatever","detail":"no"}'),
  'a redirect': (response) => void response.writeHead(307, { location: '/v1/uses' }).end(),
};

describe('when the grant may be consumed without our having its credential, it is given back before a new try', () => {
  it.each(Object.entries(MAYBE_CONSUMED))('after %s', async (_, script) => {
    exchange.uses = [script];
    const authorization = await ask();
    expect(story()).toEqual(['use 1', 'finish 1 NotDispatched', 'use 2']);
    expect(exchange.messages.at(-1)).toMatchObject({ body: { nonce: authorization.nonce } });
    // The sidecar never learned which grant it was.
    expect(exchange.messages[1]).toMatchObject({ body: { outcome: 'NotDispatched' } });
    expect(Object.keys((exchange.messages[1] as { body: object }).body)).toEqual(['outcome']);
  });

  it('and not tried again before the report was taken', async () => {
    exchange.uses = [lost];
    exchange.finishes = [problem('NotReady'), lost, problem('UseRaced'), finished];
    await ask();
    expect(story()).toEqual(['use 1', ...Array<string>(4).fill('finish 1 NotDispatched'), 'use 2']);
  });

  it('and tried again when, asked several times, nobody knows of the use', async () => {
    exchange.uses = [lost];
    exchange.otherwise.finish = problem('UseUnknown');
    await ask();
    expect(story()).toEqual(['use 1', ...Array<string>(3).fill('finish 1 NotDispatched'), 'use 2']);
  });

  it('and not tried again when the report is refused', async () => {
    exchange.uses = [lost];
    exchange.finishes = [problem('UseNotYours')];
    expect((await refused()).code).toBe('ControllerUnavailable');
    expect(story()).toEqual(['use 1', 'finish 1 NotDispatched']);
  });

  it('and not waited for longer than the call may wait', async () => {
    exchange.uses = [lost];
    exchange.otherwise.finish = problem('NotReady');
    const start = performance.now();
    expect((await refused({ waitMilliseconds: 10_000 })).code).toBe('ControllerUnavailable');
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(story().filter((line) => line.startsWith('use'))).toEqual(['use 1']);
    // The report goes on without the call.
    const reported = exchange.messages.length;
    await eventually(() => expect(exchange.messages.length).toBeGreaterThan(reported));
  });

  it('also after an answer that never comes', async () => {
    exchange.uses = [silent];
    // The client's own time-out is in real time.
    expect((await refused({ waitMilliseconds: 200 })).code).toBe('ControllerUnavailable');
    await eventually(() => expect(story()).toEqual(['use 1', 'finish 1 NotDispatched']));
  });
});

describe('when it is certain that nothing was consumed, it is tried again at once', () => {
  it.each<ProblemCode>(['NotReady', 'UseRaced', 'KubernetesUnavailable'])(
    'after %s',
    async (code) => {
      exchange.uses = [problem(code)];
      await ask();
      expect(story()).toEqual(['use 1', 'use 2']);
    },
  );

  it('after a connection that never stood', async () => {
    const urls = [`https://127.0.0.1:${await freePort()}`, exchange.url];
    await ask({ urls });
    expect(story()).toEqual(['use 1']);
  });

  it('after many connections that never stood: a Service leads to a dead replica for a while', async () => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    await ask({ urls: [...Array<string>(7).fill(dead), exchange.url] });
    expect(story()).toEqual(['use 1']);
  });

  it('but eight times at most, over two seconds, of which the last is followed by no pause', async () => {
    exchange.otherwise.use = problem('NotReady');
    const clock = new FakeClock();
    const call = refused({ clock, random: () => 1 });
    for (const pause of [50, 100, 200, 400, 800, 800, 800]) {
      const heard = exchange.messages.length;
      await eventually(() => expect(clock.pending).toBe(1));
      await clock.advance(pause - 1);
      expect(clock.pending).toBe(1);
      await clock.advance(1);
      await eventually(() => expect(exchange.messages.length).toBeGreaterThan(heard));
    }
    expect((await call).code).toBe('NotReady');
    expect(story()).toEqual(Array.from({ length: 8 }, (_, index) => `use ${index + 1}`));
  });

  it('and no longer than the call may wait', async () => {
    exchange.otherwise.use = problem('UseRaced');
    const clock = new FakeClock();
    const call = refused({ clock, waitMilliseconds: 120 });
    await eventually(() => expect(clock.pending).toBe(1));
    await clock.advance(50);
    await eventually(() => expect(clock.pending).toBe(1));
    await clock.advance(100);
    expect((await call).code).toBe('UseRaced');
    expect(story()).toEqual(['use 1', 'use 2']);
  });
});

describe('a refusal is passed on, and nothing else is tried', () => {
  it.each<ProblemCode>([
    'GrantRequired',
    'CredentialRefused',
    'AlreadyUsed',
    'Unauthenticated',
    'PodUnknown',
    'TooManyRequests',
  ])('%s', async (code) => {
    exchange.uses = [problem(code)];
    expect(await refused()).toMatchObject({ code, detail: `${code} it is.` });
    expect(story()).toEqual(['use 1']);
  });

  it('but not that our own message was malformed: that is no fault of the caller', async () => {
    exchange.uses = [problem('RequestMalformed')];
    expect((await refused()).code).toBe('ControllerUnavailable');
  });

  it.each<ProblemCode>(['OutcomeAmbiguous', 'Internal'])(
    '%s, after which the grant may be consumed: it is given back',
    async (code) => {
      exchange.uses = [problem(code)];
      expect((await refused()).code).toBe(code);
      await eventually(() => expect(story()).toEqual(['use 1', 'finish 1 NotDispatched']));
    },
  );

  it('OutcomeAmbiguous also after other tries', async () => {
    exchange.uses = [problem('NotReady'), lost, problem('OutcomeAmbiguous')];
    expect((await refused()).code).toBe('OutcomeAmbiguous');
    await eventually(() =>
      expect(story()).toEqual([
        'use 1',
        'use 2',
        'finish 2 NotDispatched',
        'use 3',
        'finish 3 NotDispatched',
      ]),
    );
  });
});

describe('a caller that goes away', () => {
  it('before anything was asked costs nothing', async () => {
    expect((await refused({ signal: AbortSignal.abort() })).code).toBe('CallAborted');
    expect(story()).toEqual([]);
  });

  it('while a pause lasts is answered at once', async () => {
    const controller = new AbortController();
    exchange.otherwise.use = problem('NotReady');
    const clock = new FakeClock();
    const call = refused({ clock, signal: controller.signal });
    await eventually(() => expect(clock.pending).toBe(1));
    controller.abort();
    expect((await call).code).toBe('CallAborted');
    expect(story()).toEqual(['use 1']);
  });

  it('is not tried again for', async () => {
    const controller = new AbortController();
    exchange.otherwise.use = (response, message) => {
      controller.abort();
      problem('NotReady')(response, message);
    };
    expect((await refused({ signal: controller.signal })).code).toBe('CallAborted');
    expect(story()).toEqual(['use 1']);
  });
});

it('whatever the exchange does: no nonce twice, and what may be consumed is given back before the next try', async () => {
  const scripts: Record<string, Script> = {
    ...MAYBE_CONSUMED,
    NotReady: problem('NotReady'),
    UseRaced: problem('UseRaced'),
    KubernetesUnavailable: problem('KubernetesUnavailable'),
    OutcomeAmbiguous: problem('OutcomeAmbiguous'),
    GrantRequired: problem('GrantRequired'),
    Internal: problem('Internal'),
  };
  const kinds = fc.array(fc.constantFrom(...Object.keys(scripts)), { maxLength: 10 });
  const finishes = fc.array(fc.constantFrom(finished, lost, problem('NotReady')), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(kinds, finishes, async (names, reports) => {
      exchange.messages.length = 0;
      exchange.uses = names.map((name) => scripts[name] ?? lost);
      exchange.finishes = [...reports];
      const clock = hurriedClock(100);
      const client = exchange.client();
      const completions = createCompletions({ exchange: client, clock, log });
      const result = await authorize(
        {
          exchange: client,
          complete: completions.complete,
          clock,
          createNonce: randomUUID,
          waitMilliseconds: 60_000,
        },
        ACTION,
        new AbortController().signal,
      ).catch((error: unknown) => error);
      await completions.idle();

      const lines = story();
      const uses = lines.filter((line) => line.startsWith('use'));
      // `story` numbers nonces by their first appearance: a repeated one would repeat its number.
      expect(uses).toEqual(uses.map((_, i) => `use ${i + 1}`));
      expect(uses.length).toBeLessThanOrEqual(8);
      for (const [i, name] of names.slice(0, uses.length).entries()) {
        const isLast = i === uses.length - 1;
        const after = lines.slice(lines.indexOf(`use ${i + 1}`) + 1);
        const next = isLast ? after : after.slice(0, after.indexOf(`use ${i + 2}`));
        const givesBack = name in MAYBE_CONSUMED || ['OutcomeAmbiguous', 'Internal'].includes(name);
        expect(next.includes(`finish ${i + 1} NotDispatched`)).toBe(givesBack);
        if (['OutcomeAmbiguous', 'GrantRequired', 'Internal'].includes(name)) {
          expect(isLast).toBe(true);
        }
      }
      if (!(result instanceof ProblemError)) {
        // What was authorized was never given back.
        const { nonce } = result as Authorization;
        expect(exchange.messages.some((m) => m.type === 'finish' && m.nonce === nonce)).toBe(false);
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);

describe('what a failed try leaves to do', () => {
  const problemOf = (code: ProblemCode) => new ProblemError(code, 'No.');
  const again = { giveBack: false, tryAgain: true };
  const giveBack = { giveBack: true, tryAgain: false };
  const nothing = { giveBack: false, tryAgain: false };

  it.each<[string, unknown, ReturnType<typeof afterFailure>]>([
    [
      'an answer that was lost',
      new NoAnswerError(true, 'lost'),
      { giveBack: true, tryAgain: true },
    ],
    ['a message that was never sent', new NoAnswerError(false, 'no connection'), again],
    ['a fault of our own', new Error('x'), giveBack],
    ['NotReady', problemOf('NotReady'), again],
    ['UseRaced', problemOf('UseRaced'), again],
    ['KubernetesUnavailable', problemOf('KubernetesUnavailable'), again],
    ['OutcomeAmbiguous', problemOf('OutcomeAmbiguous'), giveBack],
    ['Internal', problemOf('Internal'), giveBack],
    ['GrantRequired', problemOf('GrantRequired'), nothing],
    ['AlreadyUsed', problemOf('AlreadyUsed'), nothing],
    ['TooManyRequests', problemOf('TooManyRequests'), nothing],
    ['RequestMalformed', problemOf('RequestMalformed'), nothing],
  ])('after %s', (_, error, next) => {
    expect(afterFailure(error)).toEqual(next);
  });
});
