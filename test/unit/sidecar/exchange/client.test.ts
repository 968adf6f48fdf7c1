import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { UseRequest } from '../../../../core/wire/use.ts';
import { listenOn } from '../../../../process/http-server.ts';
import { NoAnswerError } from '../../../../sidecar/exchange/answer.ts';
import type { ExchangeClient } from '../../../../sidecar/exchange/client.ts';
import { eventually } from '../../../support/eventually.ts';
import { createAuthority } from '../../../support/pki.ts';
import { freePort } from '../../../support/ports.ts';
import {
  ACTION,
  finished,
  GRANT,
  granted,
  lost,
  noted,
  problem,
  ScriptedExchange,
  silent,
  text,
} from '../scripted-exchange.ts';

const NONCE = '0f8fad5b-d9cb-469f-a165-70867728950e';
const REQUEST: UseRequest = { nonce: NONCE, action: ACTION, waitMilliseconds: 5_000 };
/** Of a caller who waits for the answer. */
const STAYS = new AbortController().signal;

let exchange: ScriptedExchange;
beforeEach(async () => {
  exchange = await ScriptedExchange.start();
});
afterEach(() => exchange[Symbol.asyncDispose]());

/** Whether the message may have arrived; fails if there was an answer. */
async function unanswered(call: Promise<unknown>): Promise<'sent' | 'not sent'> {
  const error = await call.then(
    () => new Error('it was answered'),
    (e: unknown) => e,
  );
  if (error instanceof NoAnswerError) return error.sent ? 'sent' : 'not sent';
  throw error;
}

const tokens = () => exchange.messages.map(({ authorization }) => authorization);

describe('a message', () => {
  it('of a use is answered as it was granted', async () => {
    expect(await exchange.client().use(REQUEST, STAYS)).toMatchObject({
      nonce: NONCE,
      grant: GRANT,
    });
    const { nonce, action } = REQUEST;
    expect(exchange.messages).toMatchObject([{ path: '/v1/uses', body: { nonce, action } }]);
  });

  it('of an end goes to its nonce', async () => {
    expect(await exchange.client().finish(NONCE, { outcome: 'Unknown' })).toEqual({
      phase: 'Approved',
    });
    expect(exchange.messages).toMatchObject([
      { type: 'finish', nonce: NONCE, body: { outcome: 'Unknown' } },
    ]);
  });

  it('for discovery names the path, whatever is in it', async () => {
    await exchange.client().discovery('/apis/a&b=c#d');
    expect(exchange.messages).toMatchObject([
      { path: '/v1/discovery', query: 'path=%2Fapis%2Fa%26b%3Dc%23d' },
    ]);
  });

  it.each([
    ['without a body', noted],
    ['with one', text(200, '{}')],
  ])('of refusals is answered %s', async (_, script) => {
    exchange.otherwise.refusals = script;
    const report = { refusals: [{ code: 'GrantRequired', attempted: 'GET x', count: 1 }] } as const;
    await exchange.client().reportRefusals(report);
    expect(exchange.messages).toMatchObject([{ path: '/v1/refusals', body: report }]);
  });

  it('that is refused is a problem with the code, detail and field of the controller', async () => {
    exchange.uses = [problem('GrantRequired', 'action')];
    await expect(exchange.client().use(REQUEST, STAYS)).rejects.toMatchObject({
      code: 'GrantRequired',
      detail: 'GrantRequired it is.',
      field: 'action',
    });
  });
});

describe('a message may have arrived', () => {
  it.each([
    ['when its answer is lost', lost],
    ['when its answer is no JSON', text(201, 'hello')],
    ['when its answer is empty', noted],
    ['when its answer is not what it should be', text(201, '{"nonce":1}')],
    ['when something else answers', text(502, '<html>')],
    ['when the code of the answer is none of ours', text(409, '{"code":"x","detail":"y"}')],
    ['when the answer names no detail', text(409, '{"code":"AlreadyUsed"}')],
  ])('%s', async (_, script) => {
    exchange.uses = [script];
    expect(await unanswered(exchange.client().use(REQUEST, STAYS))).toBe('sent');
    expect(exchange.messages).toHaveLength(1);
  });

  it('when it is not answered in time, and a little more', async () => {
    exchange.uses = [silent];
    const start = performance.now();
    const call = exchange.client().use({ ...REQUEST, waitMilliseconds: 100 }, STAYS);
    expect(await unanswered(call)).toBe('sent');
    expect(performance.now() - start).toBeGreaterThanOrEqual(349);
  });

  it('and is never sent twice by itself, not even where a kept connection breaks', async () => {
    const client = exchange.client();
    await client.use(REQUEST, STAYS);
    exchange.uses = [lost];
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('sent');
    expect(exchange.messages).toHaveLength(2);
  });

  it('and a redirect of it is not followed', async () => {
    exchange.uses = [(response) => void response.writeHead(307, { location: '/v1/uses' }).end()];
    expect(await unanswered(exchange.client().use(REQUEST, STAYS))).toBe('sent');
    expect(exchange.messages).toHaveLength(1);
  });
});

describe('a message was certainly not sent', () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it('when nobody listens', async () => {
    const client = exchange.client([`https://127.0.0.1:${await freePort()}`]);
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
  });

  it('when the name is unknown', async () => {
    const client = exchange.client(['https://controller.invalid']);
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
  });

  it('when the server is from another authority', async () => {
    exchange.writeCA((await createAuthority('another')).certificate);
    expect(await unanswered(exchange.client().use(REQUEST, STAYS))).toBe('not sent');
    expect(exchange.messages).toEqual([]);
  });

  it('when the certificate is for another name', async () => {
    const client = exchange.client([`https://localhost:${exchange.port}`]);
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
    expect(exchange.messages).toEqual([]);
  });

  it('when TLS does not come to stand', async () => {
    // It reads nothing, so that it would not hear of the client's end either.
    const server = createServer((socket) => void sockets.push(socket));
    servers.push(server);
    const { port } = await listenOn(server as never, { host: '127.0.0.1', port: 0 });
    const client = exchange.client([`https://127.0.0.1:${port}`]);
    expect(await unanswered(client.use({ ...REQUEST, waitMilliseconds: 60_000 }, STAYS))).toBe(
      'not sent',
    );
  });

  it.each(['token', 'ca.crt'])('when there is no %s yet, and says so', async (name) => {
    rmSync(join(exchange.directory, name));
    const error = await exchange
      .client()
      .use(REQUEST, STAYS)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({ code: 'ControllerUnavailable', retryable: true });
  });
});

describe('several replicas', () => {
  let other: ScriptedExchange;
  let client: ExchangeClient;
  beforeEach(async () => {
    other = await ScriptedExchange.start();
    client = exchange.client([exchange.url, other.url]);
  });
  afterEach(() => other[Symbol.asyncDispose]());

  const heard = () => [exchange.messages.length, other.messages.length];

  it('are not all asked while one answers', async () => {
    for (let i = 0; i < 3; i++) await client.use(REQUEST, STAYS);
    expect(heard()).toEqual([3, 0]);
  });

  it.each([
    ['does not answer', lost],
    ['is not ready', problem('NotReady')],
  ])('take turns when one %s', async (_, script) => {
    exchange.uses = [script];
    await client.use(REQUEST, STAYS).catch(() => {});
    await client.use(REQUEST, STAYS);
    expect(heard()).toEqual([1, 1]);
  });

  it('do not take turns when a call is refused', async () => {
    exchange.uses = [problem('GrantRequired')];
    await client.use(REQUEST, STAYS).catch(() => {});
    await client.use(REQUEST, STAYS);
    expect(heard()).toEqual([2, 0]);
  });
});

describe('what the kubelet rotates', () => {
  it('the token is that of the file when the message is sent', async () => {
    const client = exchange.client();
    await client.use(REQUEST, STAYS);
    exchange.writeToken('a.newer.token');
    await client.use(REQUEST, STAYS);
    await client.finish(NONCE, { outcome: 'Failed' });
    expect(tokens()).toEqual([
      'Bearer the.pod.token',
      'Bearer a.newer.token',
      'Bearer a.newer.token',
    ]);
  });

  it('the CA is that of the file when the connection is made', async () => {
    const client = exchange.client();
    await client.use(REQUEST, STAYS);
    // The controller comes back with a certificate of a new CA, under the same address.
    const ca = await createAuthority('the next CA');
    const { port } = exchange;
    await exchange.stop();
    await using next = await ScriptedExchange.start({ port, ca });
    expect(['sent', 'not sent']).toContain(await unanswered(client.use(REQUEST, STAYS)));
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
    exchange.writeCA(ca.certificate);
    expect(await client.use(REQUEST, STAYS)).toMatchObject({ nonce: NONCE });
    expect(next.messages).toHaveLength(1);
  });

  it('the CA is that of the ConfigMap, whose files the kubelet swaps by a link', async () => {
    // `ca.crt` → `..data/ca.crt`, `..data` → a directory: only the middle link is ever replaced (kubelet, AtomicWriter).
    const { directory } = exchange;
    const publish = (version: string, pem: string): void => {
      mkdirSync(join(directory, version));
      writeFileSync(join(directory, version, 'ca.crt'), pem);
      symlinkSync(version, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    const ca = await createAuthority('the next CA');
    await using next = await ScriptedExchange.start({ ca });
    const [before, after] = [await createAuthority('a CA'), ca];
    publish('..1', before.certificate);
    rmSync(join(directory, 'ca.crt'));
    symlinkSync('..data/ca.crt', join(directory, 'ca.crt'));
    const client = exchange.client([next.url]);
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
    publish('..2', after.certificate);
    expect(await client.use(REQUEST, STAYS)).toMatchObject({ nonce: NONCE });
  });

  it('a call in flight ends with what it began with', async () => {
    const client = exchange.client();
    let answerNow = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      exchange.uses = [
        (response, message) => {
          answerNow = () => granted()(response, message);
          resolve();
        },
      ];
    });
    const first = client.use(REQUEST, STAYS);
    await arrived;
    const another = await createAuthority('another');
    exchange.writeCA(another.certificate);
    expect(await unanswered(client.use(REQUEST, STAYS))).toBe('not sent');
    answerNow();
    expect(await first).toMatchObject({ nonce: NONCE });
  });

  it('many first calls at once all go out', async () => {
    const client = exchange.client();
    const calls = Array.from({ length: 40 }, () => client.use(REQUEST, STAYS));
    expect(await Promise.all(calls)).toHaveLength(40);
  });
});

describe('the end of a use is heard at once', () => {
  /** More than any number of connections. */
  const FLOOD = 300;
  const granted = (client: ExchangeClient) =>
    client.finish(NONCE, { outcome: 'Succeeded', grant: GRANT });

  it.each<[string, (client: ExchangeClient) => Promise<unknown>]>([
    ['uses', (client) => client.use(REQUEST, STAYS)],
    ['discovery', (client) => client.discovery('/apis')],
    [
      'reports of refusals',
      (client) =>
        client.reportRefusals({
          refusals: [{ code: 'GrantRequired', attempted: 'GET https://a.example/', count: 1 }],
        }),
    ],
    [
      'ends of uses that were never answered',
      (client) => client.finish(NONCE, { outcome: 'NotDispatched' }),
    ],
  ])('whatever number of %s the controller leaves without an answer', async (_, flood) => {
    exchange.otherwise = {
      use: silent,
      discovery: silent,
      refusals: silent,
      finish: (response, message) => {
        if (message.type === 'finish' && message.body.grant !== undefined) {
          finished(response, message);
        }
      },
    };
    const client = exchange.client();
    const unheard = Array.from({ length: FLOOD }, () => flood(client).catch(() => undefined));
    await eventually(() => expect(exchange.messages.length).toBeGreaterThan(0));
    const start = performance.now();
    expect(await granted(client)).toEqual({ phase: 'Approved' });
    expect(performance.now() - start).toBeLessThan(1_000);
    await exchange.stop();
    await Promise.all(unheard);
  });
});

describe('of more uses than can be asked for at a time', () => {
  const MANY = 200;
  let client: ExchangeClient;
  let waiting: (() => void)[];
  beforeEach(() => {
    client = exchange.client();
    waiting = [];
    exchange.otherwise.use = (response, message) => {
      waiting.push(() => granted()(response, message));
    };
  });
  const heard = () => exchange.messages.length;
  const answerAll = () => {
    exchange.otherwise.use = granted();
    for (const answer of waiting) answer();
  };

  it('those whose callers went away meanwhile are not sent, and hold up nobody', async () => {
    const gone = new AbortController();
    const calls = Array.from({ length: MANY }, () =>
      unanswered(client.use(REQUEST, gone.signal)).catch(({ message }: Error) => message),
    );
    await eventually(() => expect(heard()).toBe(8));
    const finish = client.finish(NONCE, { outcome: 'Unknown' });
    const last = client.use(REQUEST, STAYS);
    gone.abort();
    answerAll();
    expect(await last).toMatchObject({ nonce: NONCE });
    await finish;
    const ends = await Promise.all(calls);
    expect(ends.filter((end) => end === 'not sent')).toHaveLength(MANY - 8);
    expect(ends.filter((end) => end === 'it was answered')).toHaveLength(8);
    expect(heard()).toBe(10);
  });

  it('those who wait too long are not sent', async () => {
    const calls = Array.from({ length: 8 }, () => client.use(REQUEST, STAYS));
    await eventually(() => expect(heard()).toBe(8));
    const late = client.use({ ...REQUEST, waitMilliseconds: 50 }, STAYS);
    expect(await unanswered(late)).toBe('not sent');
    answerAll();
    await Promise.all(calls);
    expect(heard()).toBe(8);
  });

  it('the controller is told how long their callers still wait, without what the turn took', async () => {
    const calls = Array.from({ length: 8 }, () => client.use(REQUEST, STAYS));
    await eventually(() => expect(heard()).toBe(8));
    const late = client.use(REQUEST, STAYS);
    await sleep(200);
    answerAll();
    await Promise.all([...calls, late]);
    const waits = exchange.messages.map((message) =>
      message.type === 'use' ? message.body.waitMilliseconds : 0,
    );
    expect(waits[8]).toBeLessThanOrEqual(REQUEST.waitMilliseconds - 199);
    expect(waits[8]).toBeGreaterThan(0);
  });

  it('all that stay are answered', async () => {
    const calls = Array.from({ length: MANY }, () => client.use(REQUEST, STAYS));
    await eventually(() => expect(heard()).toBe(8));
    answerAll();
    expect(await Promise.all(calls)).toHaveLength(MANY);
  });
});
