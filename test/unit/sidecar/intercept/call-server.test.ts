import { once } from 'node:events';
import { constants } from 'node:http2';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeCall, openH2, request, resetCode } from './clients.ts';
import { startGated, startsProxies } from './proxies.ts';

const start = startsProxies();

/** What is raised instead of a problem the handler meant. */
const failing: CallHandler = () => Promise.reject(new Error('a fault of ours, with its s3cret'));

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('gets a problem document when the handler fails, without what went wrong', async () => {
    const proxy = await start(failing);
    const { status, headers, body } = await request(protocol, proxy);
    expect(status).toBe(500);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ code: 'Internal', status: 500 });
    expect(body).not.toContain('s3cret');
    expect(proxy.events).toMatchObject([{ type: 'HandlerFailed' }]);
    // And the next call is served.
    expect((await request(protocol, proxy)).status).toBe(500);
  });

  it('gets the problem that the handler meant', async () => {
    const proxy = await start(() => {
      throw new ProblemError('GrantRequired', 'no grant');
    });
    const { status, body } = await request(protocol, proxy, { method: 'POST', body: 'x' });
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'GrantRequired' });
    expect(proxy.events).toEqual([]);
  });

  it('gets a problem document when the handler forgets to answer', async () => {
    const proxy = await start(() => Promise.resolve());
    expect((await request(protocol, proxy)).status).toBe(500);
  });

  it('is cut off when the handler fails after the head', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      respond.writeHead(200, []);
      body.write('half');
      setTimeout(() => body.destroy(new Error('upstream gone')), 50);
      await respond.pipe(body);
    });
    await expect(request(protocol, proxy)).rejects.toThrow();
  });
});

describe('calls beyond their number', () => {
  it.each(['h1', 'h2'] as const)('calls by %s beyond their number are refused', async (by) => {
    const { proxy, untilWaiting, openGate } = await startGated(start, { calls: 2 });
    const allowed = [request(by, proxy), request(by, proxy)];
    await untilWaiting(2);
    if (by === 'h1') {
      const { status, body } = await request(by, proxy);
      expect(status).toBe(429);
      expect(JSON.parse(body).code).toBe('TooManyRequests');
    } else {
      expect(await resetCode(proxy)).toBe(constants.NGHTTP2_REFUSED_STREAM);
    }
    openGate();
    for (const call of allowed) expect((await call).status).toBe(200);
    expect((await request(by, proxy)).status).toBe(200);
  });

  it('of HTTP/2 calls count those, too, whose answers are not taken, whatever these are', async () => {
    const proxy = await start(describeCall, { limits: { calls: 3 } });
    const session = await openH2(proxy, { initialWindowSize: 0 });
    for (const scheme of ['https', 'ftp', 'gopher']) {
      const stream = session.request({ ':path': '/', ':scheme': scheme });
      stream.on('error', () => {});
      await once(stream, 'response');
    }
    expect(await resetCode(proxy)).toBe(constants.NGHTTP2_REFUSED_STREAM);
    session.destroy();
    await eventually(async () => expect((await request('h2', proxy)).status).toBe(200));
  });
});
