import { describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import { request } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

const ending =
  (status: number, headers: readonly HeaderPair[], body?: string): CallHandler =>
  async ({ respond }) => {
    respond.writeHead(status, headers);
    await respond.end(body);
  };

describe('the answer to a call by HTTP/2', () => {
  it.each(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'Upgrade'])(
    'is sent without %s, which HTTP/2 does not have',
    async (name) => {
      const headers: HeaderPair[] = [
        [name, 'x'],
        ['X-Kept', 'yes'],
      ];
      const answer = await request('h2', await start(ending(200, headers, 'hello')));
      expect(answer).toMatchObject({ status: 200, body: 'hello' });
      expect(answer.headers[name.toLowerCase()]).toBeUndefined();
      expect(answer.headers['x-kept']).toBe('yes');
    },
  );

  it.each([204, 205, 304])('ends with its head where the status is %i', async (status) => {
    const answer = await request('h2', await start(ending(status, [], 'hello')));
    expect(answer).toMatchObject({ status, body: '' });
  });

  it('that HTTP/2 has no way to write is refused in words', async () => {
    const { status, body } = await request('h2', await start(ending(600, [], 'hello')));
    expect(status).toBe(502);
    expect(JSON.parse(body)).toMatchObject({ code: 'UpstreamProtocolError' });
  });
});
