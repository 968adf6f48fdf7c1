import { once } from 'node:events';
import { constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { describeCall, openH2, requestH2 } from './clients.ts';
import { startGated, startsProxies } from './proxies.ts';

const start = startsProxies();

describe('the heads of all calls together', () => {
  const LONG = { 'x-long': 'x'.repeat(5_000) };

  it('end an HTTP/2 connection that brings many, once its calls are over', async () => {
    const { proxy, untilWaiting, openGate } = await startGated(start, { headsBytes: 4_000 });
    const session = await openH2(proxy);
    const closed = once(session, 'close');
    const call = requestH2(session, {});
    await untilWaiting(1);
    const codes: (number | undefined)[] = [];
    for (let i = 0; i < 20; i += 1) {
      const stream = session.request({ ':path': '/', ...LONG });
      stream.on('error', () => {});
      stream.once('close', () => codes.push(stream.rstCode));
    }
    await eventually(() => expect(proxy.events.length).toBe(8));
    openGate();
    expect((await call).status).toBe(200);
    await closed;
    expect(proxy.events.length).toBe(8);
    const calm = codes.filter((code) => code === constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(calm.length).toBe(8);
  });
});

it('an HTTP/2 connection has no more streams than allowed', async () => {
  let running = 0;
  let most = 0;
  const proxy = await start(
    async (call) => {
      running += 1;
      most = Math.max(most, running);
      await sleep(20);
      running -= 1;
      await describeCall(call);
    },
    { limits: { streams: 4 } },
  );
  const session = await openH2(proxy);
  await once(session, 'remoteSettings');
  await Promise.all(Array.from({ length: 12 }, () => requestH2(session, {})));
  expect(most).toBeLessThanOrEqual(4);
  session.destroy();
});
