import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startsUpstreams } from './forwarders.ts';
import { aRequest, options, read } from './upstreams.ts';

const { start } = startsUpstreams();

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
