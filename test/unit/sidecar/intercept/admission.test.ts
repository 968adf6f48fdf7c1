import { expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { describeCall, RawClient, request } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

it('connections beyond their number are closed at once', async () => {
  const proxy = await start(describeCall, { limits: { connections: 2 } });
  const clients = [await RawClient.connect(proxy.port), await RawClient.connect(proxy.port)];
  const third = await RawClient.connect(proxy.port);
  await third.untilClosed();
  expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'TooManyConnections' }]);
  for (const client of clients) client.socket.destroy();
  await eventually(async () => expect((await request('h1', proxy)).status).toBe(200));
});
