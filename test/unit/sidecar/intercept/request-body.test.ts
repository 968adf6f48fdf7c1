import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { describeCall, HOST, openH2, openTLS, RawClient, readBody, text } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('that expects a 100 gets it when its body is read, and not before', async () => {
    const proxy = await start(async (call) => {
      if (call.head.target === '/refused') throw new ProblemError('GrantRequired', 'no');
      await describeCall(call);
    });
    if (protocol === 'h1') {
      const client = new RawClient(await openTLS(proxy));
      const head = (path: string) =>
        `POST ${path} HTTP/1.1\r\nhost: ${HOST}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`;
      client.write(head('/wanted'));
      await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
      client.write('hello');
      await client.until(/"body":"hello"/);
      client.received = '';
      client.write(head('/refused'));
      expect(await client.until(/GrantRequired/)).toMatch(/^HTTP\/1\.1 403 /);
      client.socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request(
        { ':path': '/', ':method': 'POST', expect: '100-continue' },
        { endStream: false },
      );
      await once(stream, 'continue');
      stream.end('hello');
      expect(await text(stream)).toContain('"body":"hello"');
      session.destroy();
    }
  });

  it('whose body ends in trailers fails while it is read', async () => {
    const proxy = await start(async (call) => {
      await readBody(call);
      throw new Error('not reached');
    });
    let answer: string;
    if (protocol === 'h1') {
      const client = new RawClient(await openTLS(proxy));
      client.write(
        `POST / HTTP/1.1\r\nhost: ${HOST}\r\ntransfer-encoding: chunked\r\n\r\n` +
          '5\r\nhello\r\n0\r\nauthorization: Bearer x\r\n\r\n',
      );
      answer = await client.until(/\}$/);
      client.socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request(
        { ':path': '/', ':method': 'POST' },
        { endStream: false, waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ authorization: 'Bearer x' }));
      stream.end('hello');
      answer = await text(stream);
      session.destroy();
    }
    expect(answer).toContain('"code":"HeaderRefused"');
  });
});

it.each(['NO_ERROR', 'CANCEL'])(
  'a body that its HTTP/2 client resets with %s does not pass for complete',
  async (code) => {
    const seen = Promise.withResolvers<unknown>();
    const proxy = await start(async (call) => {
      seen.resolve(await readBody(call).catch((error: unknown) => error));
    });
    const session = await openH2(proxy);
    const gone = new AbortController();
    const stream = session.request(
      { ':path': '/', ':method': 'POST' },
      { endStream: false, signal: gone.signal },
    );
    stream.on('error', () => {});
    stream.write('half');
    await sleep(50);
    // Node resets a stream that is destroyed without an error with NO_ERROR, and an aborted one with CANCEL.
    if (code === 'CANCEL') gone.abort();
    else stream.destroy();
    expect(await seen.promise).toMatchObject({ code: 'CallAborted' });
    session.destroy();
  },
);
