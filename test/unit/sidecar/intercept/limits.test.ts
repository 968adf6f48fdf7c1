import { describe, expect, it } from 'vitest';
import { describeCall, request } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('with more header lines than allowed is refused, not shortened', async () => {
    const proxy = await start(describeCall, { limits: { headerCount: 20 } });
    const headers = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'v']));
    if (protocol === 'h1') {
      const { status, body } = await request(protocol, proxy, { headers });
      expect(status).toBe(431);
      expect(JSON.parse(body)).toMatchObject({ code: 'HeadersTooLarge' });
    } else {
      await expect(request(protocol, proxy, { headers })).rejects.toThrow();
    }
  });

  it('with more header bytes than allowed is refused', async () => {
    const proxy = await start(describeCall, { limits: { headBytes: 8 * 1024 } });
    const headers = { 'x-large': 'v'.repeat(9 * 1024) };
    const outcome = await request(protocol, proxy, { headers }).catch(() => ({ status: 431 }));
    expect(outcome.status).toBe(431);
  });

  it('with more headers than Node counts keeps them all', async () => {
    const proxy = await start(describeCall, {
      limits: { headerCount: 3_000, headBytes: 64 * 1024 },
    });
    const headers = Object.fromEntries(Array.from({ length: 2_200 }, (_, i) => [`x-${i}`, 'v']));
    const { body } = await request(protocol, proxy, { headers });
    expect(JSON.parse(body).head.rawHeaders.length).toBeGreaterThanOrEqual(4_400);
  });
});
