import { constants } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { HeadBudget, headSize } from '../../../../sidecar/intercept/head-budget.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeCall, HOST, RawClient, request, resetCode } from './clients.ts';
import { startGated, startsProxies } from './proxies.ts';

const start = startsProxies();

describe('a budget for heads', () => {
  it('gives what it has, and what was given back', () => {
    const budget = new HeadBudget(10);
    expect(budget.take(6)).toBe(true);
    expect(budget.take(5)).toBe(false);
    // What was not given takes nothing.
    expect(budget.take(4)).toBe(true);
    budget.giveBack(6);
    expect(budget.take(6)).toBe(true);
    expect(budget.take(1)).toBe(false);
  });

  it.each([
    [[], '', 0],
    [[], '/path', 5],
    [['a', 'b'], '', 66],
    [['name', 'value'], '/', 74],
  ])('counts %j with the target %j as %i bytes', (rawHeaders, target, bytes) => {
    expect(headSize(rawHeaders, target)).toBe(bytes);
  });
});

describe('the heads of all calls together', () => {
  const LONG = { 'x-long': 'x'.repeat(5_000) };
  const long = (name: string) =>
    `GET http://${HOST}/${name} HTTP/1.1\r\nhost: ${HOST}\r\nx-long: ${LONG['x-long']}\r\n\r\n`;

  it.each(['h1', 'h2'] as const)('turn the next one away by %s', async (by) => {
    const { proxy, untilWaiting, openGate } = await startGated(start, { headsBytes: 8_000 });
    const allowed = request(by, proxy, { headers: LONG });
    await untilWaiting(1);
    const small = request(by, proxy);
    await untilWaiting(2);
    if (by === 'h1') {
      const client = await RawClient.connect(proxy.port);
      client.write(long('refused'));
      expect(await client.untilClosed()).toBe('');
    } else {
      expect(await resetCode(proxy, LONG)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    expect(proxy.events).toContainEqual({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
    openGate();
    for (const call of [allowed, small]) expect((await call).status).toBe(200);
    // There is room again as soon as they are over.
    await eventually(async () =>
      expect((await request(by, proxy, { headers: LONG })).status).toBe(200),
    );
  });

  it('count what waits behind another request, until its client has gone', async () => {
    const { proxy, untilWaiting, openGate } = await startGated(start, { headsBytes: 8_000 });
    const first = await RawClient.connect(proxy.port);
    first.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n${long('waits')}`);
    await untilWaiting(1);
    const second = await RawClient.connect(proxy.port);
    second.write(long('refused'));
    expect(await second.untilClosed()).toBe('');
    first.socket.destroy();
    openGate();
    await eventually(async () =>
      expect((await request('h1', proxy, { headers: LONG })).status).toBe(200),
    );
  });

  it('count a short line as what it takes in memory', async () => {
    const proxy = await start(describeCall, { limits: { headsBytes: 4_000, headerCount: 128 } });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n${'a:b\r\n'.repeat(120)}\r\n`);
    expect(await client.untilClosed()).toBe('');
  });
});
