/**
 * The forwarder's contract: a request is sent at most once, on a verified connection, and `dispatched` is false only if no
 * byte of it was written. With a credential the connection is the use's own, nothing outlives the deadline, and the token
 * never comes back.
 */

import { describe, expect, it } from 'vitest';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import { eventually } from '../../../support/eventually.ts';
import { countNewSockets } from '../../../support/open-sockets.ts';
import { failsUndispatched, startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  options,
  read,
  readUntilError,
  startTCPUpstream,
  TOKEN,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('gives every credentialed use a connection of its own, closed after', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => void res.end('ok'));
    for (let i = 0; i < 3; i += 1) {
      await read((await forwarder.forward(credentialed(), options())).body);
    }
    expect(upstream.connections).toBeGreaterThanOrEqual(3);
    // Sooner than either side closes a connection that nobody uses.
    await eventually(() => expect(upstream.open).toBe(0), { withinMilliseconds: 3_000 });
  });

  it('passes redirects through and does not follow them', async () => {
    let requests = 0;
    const { forwarder } = await start(protocol, (_req, res) => {
      requests += 1;
      res.writeHead(302, { location: 'https://elsewhere.example.com/' });
      res.end();
    });
    const response = await forwarder.forward(credentialed(), options());
    await read(response.body);
    expect(response.status).toBe(302);
    expect(response.headers).toContainEqual(['location', 'https://elsewhere.example.com/']);
    expect(requests).toBe(1);
  });

  it('leaves nothing open after many round trips', async () => {
    const newSockets = countNewSockets();
    const { upstream, forwarder } = await start(protocol, (req, res) => {
      if (req.url === '/cut') req.socket.destroy();
      else res.end(req.url === '/echo' ? TOKEN : 'ok');
    });
    const paths = Array.from({ length: 60 }, (_, i) => ['/ok', '/cut', '/echo'][i % 3] ?? '');
    await Promise.all(
      paths.map(async (path) => {
        const response = await forwarder
          .forward(credentialed({ path }), options())
          .catch(() => null);
        if (response !== null) await readUntilError(response.body);
      }),
    );
    await eventually(() => expect(upstream.open).toBe(0));
    await eventually(() => expect(newSockets()).toBe(0));
  });
});

describe('before the first byte of a request', () => {
  it('a name that does not resolve fails', async () => {
    const resolver = createResolver({ lookup: () => Promise.reject(new Error('NXDOMAIN')) });
    const forwarder = closing(await forwarderTo(1, { resolver }));
    await failsUndispatched(forwarder, 'UpstreamUnresolved');
    await failsUndispatched(forwarder, 'UpstreamUnresolved', {}, aRequest());
  });

  it('a name that leads to a forbidden address fails', async () => {
    const lookup = () => Promise.resolve([{ address: '169.254.169.254', family: 4 }]);
    const forwarder = closing(await forwarderTo(1, { resolver: createResolver({ lookup }) }));
    await failsUndispatched(forwarder, 'UpstreamNameRefused');
  });

  it('a credential for a plain http call fails: no token in clear text', async () => {
    const upstream = closing(await startTCPUpstream(() => {}));
    const forwarder = closing(await forwarderTo(upstream.port));
    const request = credentialed({ scheme: 'http', port: 80 });
    await failsUndispatched(forwarder, 'UpstreamNameRefused', {}, request);
    expect(upstream.connections).toBe(0);
  });

  it('a host that the URL standard reads differently fails', async () => {
    const forwarder = closing(await forwarderTo(1, {}, '0x7f.1'));
    const request = credentialed({ host: '0x7f.1' });
    await failsUndispatched(forwarder, 'UpstreamNameRefused', {}, request);
  });
});

it('forwards plain http without a credential', async () => {
  const upstream = closing(
    await startTCPUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain'));
    }),
  );
  const forwarder = closing(await forwarderTo(upstream.port));
  const response = await forwarder.forward(aRequest({ scheme: 'http', port: 80 }), options());
  expect(await read(response.body)).toBe('plain');
});
