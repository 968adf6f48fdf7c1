import { describe, expect, it } from 'vitest';
import { HOST, RawClient } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe('an absolute-form request', () => {
  it('reaches the handler as it was sent', async () => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/a?b HTTP/1.0\r\nHost: ${HOST}\r\nHost: other\r\n\r\n`);
    const answer = await client.until(/\}$/);
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).head).toEqual({
      via: 'absolute-form',
      httpVersion: '1.0',
      scheme: 'http',
      method: 'GET',
      target: `http://${HOST}/a?b`,
      rawHeaders: ['Host', HOST, 'Host', 'other'],
    });
  });
});

describe('bytes that are not HTTP', () => {
  it.each([
    ['TLS without a CONNECT', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05])],
    ['SSH', Buffer.from('ssh-2.0-x\r\n')],
    ['zeros', Buffer.alloc(16)],
  ])('%s: the connection is closed', async (_name, bytes) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(bytes);
    expect(await client.untilClosed()).toBe('');
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'NotHTTP' }]);
  });
});
