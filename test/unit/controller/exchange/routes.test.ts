import { randomUUID } from 'node:crypto';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../../../controller/exchange/rate-limit.ts';
import {
  createExchangeRouter,
  type ExchangeDependencies,
} from '../../../../controller/exchange/routes.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { createLogger } from '../../../../process/log.ts';
import { aUseRequest } from '../../../support/exchange.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'incident-agent-0',
  podUID: 'pod-1',
};
const NONCE = randomUUID();

let server: Server;
let origin: string;
/** What the handlers were asked, in this order. */
let asked: unknown[];
let log: { level: string; message: string; code: string }[];
let replaced: Partial<ExchangeDependencies>;

beforeEach(async () => {
  asked = [];
  log = [];
  replaced = {};
  const handlers: ExchangeDependencies = {
    authenticator: {
      async identify(authorization) {
        asked.push(authorization);
        return CALLER;
      },
      async admit() {},
    },
    callLimiter: { take: () => {} },
    endLimiter: { take: () => {} },
    useHandler: {
      async use(caller, { nonce }) {
        asked.push(['use', caller, nonce]);
        const grant = { namespace: 'soc', name: 'g', uid: 'u' };
        return { nonce, grant, bodyForm: 'JSON', timeoutMilliseconds: 30_000 };
      },
    },
    finishHandler: {
      mayEndOpenUse: (_caller, nonce) => nonce === NONCE,
      async finish(caller, nonce, report) {
        asked.push(['finish', caller, nonce, report]);
        return { phase: 'Finished', outcome: report.outcome };
      },
    },
    discovery: {
      async read(path) {
        asked.push(['discovery', path]);
        return Buffer.from('{"kind":"APIVersions"}');
      },
    },
    refusalHandler: { report: (caller) => void asked.push(['refusals', caller]) },
    isReady: () => true,
    log: createLogger({
      level: 'debug',
      fields: {},
      write: (line) => void log.push(JSON.parse(line)),
      now: () => 0,
    }),
  };
  const app = express();
  app.use((request, response, next) =>
    createExchangeRouter({ ...handlers, ...replaced })(request, response, next),
  );
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function send(method: string, path: string, body?: unknown) {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { authorization: 'Bearer token-of-the-pod' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}
const codeOf = ({ text }: { text: string }): string => JSON.parse(text).code;
const USE = aUseRequest({ nonce: NONCE });

describe('the exchange', () => {
  it('hands on a use with the caller that the token is of, and lets nobody keep the answer', async () => {
    const answer = await send('POST', '/v1/uses', USE);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(JSON.parse(answer.text)).toMatchObject({ nonce: NONCE });
    expect(asked).toEqual(['Bearer token-of-the-pod', ['use', CALLER, NONCE]]);
  });

  it('hands on the end of a use, by its nonce', async () => {
    const answer = await send('POST', `/v1/uses/${NONCE}/finish`, { outcome: 'Failed' });
    expect(JSON.parse(answer.text)).toEqual({ phase: 'Finished', outcome: 'Failed' });
    expect(asked[1]).toEqual(['finish', CALLER, NONCE, { outcome: 'Failed' }]);
  });

  it('answers discovery as the API server would', async () => {
    const answer = await send('GET', '/v1/discovery?path=/api');
    expect(answer.headers.get('content-type')).toMatch('application/json');
    expect(answer.text).toBe('{"kind":"APIVersions"}');
    expect(asked[1]).toEqual(['discovery', '/api']);
  });

  it('takes reports of refusals without an answer', async () => {
    const refusals = [{ code: 'GrantRequired', attempted: 'GET https://a.example.com/', count: 2 }];
    const answer = await send('POST', '/v1/refusals', { refusals });
    expect(answer).toMatchObject({ status: 204, text: '' });
  });
});

describe('the exchange refuses', () => {
  const dropped = { ...USE, waitMilliseconds: undefined };

  it.each<[string, string, string, unknown, number, string]>([
    ['a body that is no JSON', 'POST', '/v1/uses', '{', 400, 'RequestMalformed'],
    ['a body that lacks something', 'POST', '/v1/uses', dropped, 400, 'RequestMalformed'],
    ['a body that is too large', 'POST', '/v1/uses', ' '.repeat(300_000), 413, 'BodyTooLarge'],
    [
      'an end that is too large',
      'POST',
      `/v1/uses/${NONCE}/finish`,
      ' '.repeat(40_000),
      413,
      'BodyTooLarge',
    ],
    [
      'a nonce that is none',
      'POST',
      '/v1/uses/x/finish',
      { outcome: 'Failed' },
      400,
      'RequestMalformed',
    ],
  ])('%s, as a problem document', async (_, method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(codeOf(answer)).toBe(code);
    expect(asked).toEqual(['Bearer token-of-the-pod']);
  });

  it('every path before the caches have synced, and asks for no token', async () => {
    replaced = { isReady: () => false };
    const paths = [
      ['POST', '/v1/uses'],
      ['POST', `/v1/uses/${NONCE}/finish`],
      ['GET', '/v1/discovery'],
      ['POST', '/v1/refusals'],
    ] as const;
    for (const [method, path] of paths) {
      expect(codeOf(await send(method, path, method === 'GET' ? undefined : USE))).toBe('NotReady');
    }
    expect(asked).toEqual([]);
  });

  it('a stranger before anything of the body is read', async () => {
    replaced = {
      authenticator: {
        identify: () => Promise.reject(new ProblemError('Unauthenticated', 'no token')),
        admit: async () => {},
      },
    };
    const answer = await send('POST', '/v1/uses', '{');
    expect(codeOf(answer)).toBe('Unauthenticated');
  });

  it('what it cannot do now as a failure of its own, and only that as an error in its log', async () => {
    await send('POST', '/v1/uses', '{');
    replaced = { useHandler: { use: () => Promise.reject(new TypeError('a secret of the code')) } };
    const answer = await send('POST', '/v1/uses', USE);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('a secret of the code');
    expect(log.map(({ level, code }) => [level, code])).toEqual([
      ['debug', 'RequestMalformed'],
      ['error', 'Internal'],
    ]);
  });
});

describe('how often a pod may ask', () => {
  const clock = new FakeClock();
  const limiter = (burst: number) =>
    createRateLimiter({ clock, ratePerSecond: 1, burst, capacity: 10 });
  const UNKNOWN = randomUUID();
  const finish = (nonce: string) =>
    send('POST', `/v1/uses/${nonce}/finish`, { outcome: 'Succeeded' });
  const refusals = [{ code: 'GrantRequired', attempted: 'GET https://a.example.com/', count: 2 }];

  beforeEach(() => {
    replaced = { callLimiter: limiter(2), endLimiter: limiter(2) };
  });

  it.each<[string, () => ReturnType<typeof send>]>([
    ['uses', () => send('POST', '/v1/uses', USE)],
    ['discovery', () => send('GET', '/v1/discovery?path=/api')],
    ['reports of refusals', () => send('POST', '/v1/refusals', { refusals })],
    ['ends of uses that nobody knows', () => finish(UNKNOWN)],
  ])('is limited for %s, and no flood of them holds up the end of a use', async (_, flood) => {
    const floods = await Promise.all(Array.from({ length: 10 }, flood));
    expect(floods.filter(({ status }) => status === 429)).toHaveLength(8);
    for (let ends = 0; ends < 10; ends++) expect((await finish(NONCE)).status).toBe(200);
  });

  it('is decided before its pod is looked up', async () => {
    const admitted: string[] = [];
    replaced.authenticator = {
      identify: async () => CALLER,
      admit: async ({ podUID }) => void admitted.push(podUID),
    };
    for (let calls = 0; calls < 5; calls++) {
      await finish(UNKNOWN);
      await send('POST', '/v1/uses', USE);
    }
    expect(admitted).toHaveLength(4);
  });

  it('and ends of uses that nobody knows take nothing from uses', async () => {
    await Promise.all(Array.from({ length: 10 }, () => finish(UNKNOWN)));
    expect((await send('POST', '/v1/uses', USE)).status).toBe(201);
  });
});

it('a use learns that its caller has gone', async () => {
  const began = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  replaced = {
    useHandler: {
      use(_caller, _request, abandoned) {
        began.resolve();
        abandoned.addEventListener('abort', () => gone.resolve());
        return new Promise(() => {});
      },
    },
  };
  const call = httpRequest(`${origin}/v1/uses`, { method: 'POST' });
  call.on('error', () => {});
  call.end(JSON.stringify(USE));
  await began.promise;
  call.destroy();
  await gone.promise;
});
