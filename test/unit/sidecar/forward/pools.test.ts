import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Pools } from '../../../../sidecar/forward/pools.ts';
import { startsUpstreams } from './forwarders.ts';
import { aRequest, options, read } from './upstreams.ts';

const { start } = startsUpstreams();

describe('pools', () => {
  const describePool = () => ({ origin: 'http://a.example:80', options: {} });

  it('are made once for a key', async () => {
    const pools = new Pools(2, 1);
    const first = pools.get('a', describePool);
    expect(pools.get('a', describePool)).toBe(first);
    expect(pools.get('b', describePool)).not.toBe(first);
    await pools.close();
  });

  it('are closed when there are too many, the least recently used one first', async () => {
    const pools = new Pools(2, 1);
    const a = pools.get('a', describePool);
    const b = pools.get('b', describePool);
    pools.get('a', describePool);
    pools.get('c', describePool);
    expect([a.pool.closed, b.pool.closed]).toEqual([false, true]);
    expect(pools.get('a', describePool)).toBe(a);
    expect(pools.get('b', describePool)).not.toBe(b);
    await pools.close();
    expect(a.pool.destroyed).toBe(true);
  });
});

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('shares connections without a credential within an identity and not across', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => void res.end('ok'));
    const call = async (identity: string) =>
      read((await forwarder.forward(aRequest(), options({ identity }))).body).then(
        // The connection is free for the next call a turn after its response is complete.
        () => setImmediate(),
      );
    await call('a');
    const first = upstream.connections;
    await call('a');
    expect(upstream.connections).toBe(first);
    await call('b');
    expect(upstream.connections).toBe(2 * first);
  });
});
