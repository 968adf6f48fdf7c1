import { describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/ports.ts';
import { failsUndispatched, startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  HOST,
  options,
  otherCA,
  read,
  rejection,
  startTCPUpstream,
  startUpstream,
  upstreamCA,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('refuses a certificate that also names the API server, before the first byte', async () => {
    let requests = 0;
    const { upstream, forwarder } = await start(protocol, () => {
      requests += 1;
    }, [HOST, 'kubernetes.default.svc']);
    let dispatched = 0;
    const how = options({
      refuseCertificateNames: ['kubernetes.default.svc'],
      onDispatched: () => {
        dispatched += 1;
      },
    });
    for (const request of [credentialed(), aRequest()]) {
      expect(await rejection(forwarder.forward(request, how))).toMatchObject({
        code: 'UpstreamNameRefused',
        dispatched: false,
      });
    }
    await eventually(() => expect(upstream.open).toBe(0));
    expect({ requests, dispatched }).toEqual({ requests: 0, dispatched: 0 });
  });
});

describe('before the first byte of a request', () => {
  it('a refused connection fails', async () => {
    const forwarder = closing(await forwarderTo(await freePort()));
    await failsUndispatched(forwarder, 'UpstreamUnreachable');
    await failsUndispatched(forwarder, 'UpstreamUnreachable', {}, aRequest());
  });

  it('a certificate of another CA fails', async () => {
    const upstream = closing(await startUpstream('h1', (_req, res) => void res.end()));
    const forwarder = closing(await forwarderTo(upstream.port, { trust: [await otherCA()] }));
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused');
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused', {}, aRequest());
  });

  it('a certificate for another name fails', async () => {
    const { forwarder } = await start('h1', (_req, res) => void res.end(), ['other.example.com']);
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused');
  });

  it('a peer that does not speak TLS fails', async () => {
    const upstream = closing(
      await startTCPUpstream((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const forwarder = closing(await forwarderTo(upstream.port));
    await failsUndispatched(forwarder, 'UpstreamProtocolError');
  });

  it('a peer that never completes the handshake fails', async () => {
    const upstream = closing(await startTCPUpstream(() => {}));
    const forwarder = closing(await forwarderTo(upstream.port, { connectMilliseconds: 100 }));
    await failsUndispatched(forwarder, 'UpstreamUnreachable');
  });
});

it('verifies the API server by its own CA and name, whatever it is reached under', async () => {
  const upstream = closing(
    await startUpstream('h1', (_req, res) => void res.end('api'), ['kubernetes.default.svc']),
  );
  const forwarder = closing(
    await forwarderTo(upstream.port, { trust: [await otherCA()] }, '10.96.0.1'),
  );
  const request = credentialed({ host: '10.96.0.1' });
  const kubernetes = { ca: await upstreamCA(), serverName: 'kubernetes.default.svc' };
  const response = await forwarder.forward(request, options({ kubernetes }));
  expect(await read(response.body)).toBe('api');
});
