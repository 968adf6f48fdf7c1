/** Clients that leave, and services that do: before, with and after the last byte. */

import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHTTP2,
  constants,
} from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { openTLS, RawClient } from '../intercept/clients.ts';
import { type FormService, startForms, startPlainForms } from './forms.ts';
import { RunningSidecar } from './running-sidecar.ts';

const PROTOCOLS = ['h1', 'h2'] as const;
const nameOf = (protocol: string) => `${protocol}.example.com`;
const PLAIN = 'plain.example.com';

let services: Record<'h1' | 'h2' | 'plain', FormService>;
let sidecar: RunningSidecar;

beforeAll(async () => {
  services = {
    h1: await startForms('h1', nameOf('h1')),
    h2: await startForms('h2', nameOf('h2')),
    plain: await startPlainForms(),
  };
  sidecar = await RunningSidecar.start({
    [`${nameOf('h1')}:443`]: services.h1.port,
    [`${nameOf('h2')}:443`]: services.h2.port,
    [`${PLAIN}:80`]: services.plain.port,
  });
  const late = { pauseMilliseconds: 60 };
  for (const service of Object.values(services)) {
    service.on('/length', { headers: [['content-length', '5']], body: ['hello'], ...late });
    service.on('/chunked', { framing: 'chunked', body: ['hello'], ...late });
    service.on('/close', { framing: 'close', body: ['hel', 'lo'], ...late });
    service.on('/half', { headers: [['content-length', '9']], body: ['hello'], ...late });
  }
});

afterAll(async () => {
  await sidecar.stop();
  await Promise.all(Object.values(services).map((service) => service.close()));
});

const sessions: ClientHttp2Session[] = [];

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});

/** The end of the one use that a deed leads to, and what was logged and counted as refused meanwhile. */
async function recordOf(deed: () => Promise<unknown>) {
  const logged = sidecar.log.length;
  const counted = JSON.stringify(await sidecar.refusals());
  const [finish] = await sidecar.finishesOf(1, deed);
  return {
    outcome: finish?.outcome,
    log: sidecar.log.slice(logged).map(({ fields }) => fields['code']),
    refused: JSON.stringify(await sidecar.refusals()) !== counted,
  };
}

const SUCCEEDED = { outcome: 'Succeeded', log: [], refused: false };

const WAYS = ['CANCEL', 'NO_ERROR', 'GOAWAY', 'a closed connection', 'a reset'] as const;

function leave(way: (typeof WAYS)[number], stream: ClientHttp2Stream): void {
  const { session } = stream;
  if (way === 'CANCEL') stream.close(constants.NGHTTP2_CANCEL);
  else if (way === 'NO_ERROR') stream.close(constants.NGHTTP2_NO_ERROR);
  else if (way === 'GOAWAY') session?.goaway(constants.NGHTTP2_NO_ERROR);
  else if (way === 'a closed connection') session?.destroy();
  else session?.destroy(new Error('gone'), constants.NGHTTP2_INTERNAL_ERROR);
}

async function openStream(upstream: string, path: string): Promise<ClientHttp2Stream> {
  const host = nameOf(upstream);
  const socket = await openTLS(sidecar, {
    tunnelTo: `${host}:443`,
    servername: host,
    ALPNProtocols: ['h2'],
  });
  const session = connectHTTP2(`https://${host}`, { createConnection: () => socket });
  session.on('error', () => {});
  sessions.push(session);
  const stream = session.request({ ':path': path, ':authority': host });
  stream.on('error', () => {});
  return stream;
}

async function openH1(upstream: string, path: string): Promise<RawClient> {
  const host = nameOf(upstream);
  const client = new RawClient(
    await openTLS(sidecar, { tunnelTo: `${host}:443`, servername: host }),
  );
  client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return client;
}

const TABLE = PROTOCOLS.flatMap((upstream) =>
  [true, false].flatMap((credential) => WAYS.map((way) => ({ way, upstream, credential }))),
);

describe('a client that has the whole answer', () => {
  it.each(TABLE)(
    'by HTTP/2 may leave by $way before its end is told (from an $upstream upstream, with a credential: $credential)',
    async ({ way, upstream, credential }) => {
      sidecar.lend(credential);
      const record = await recordOf(async () => {
        const stream = await openStream(upstream, '/length');
        await once(stream, 'data');
        leave(way, stream);
      });
      expect(record).toEqual(SUCCEEDED);
    },
  );

  it.each(TABLE)(
    'by HTTP/2 may leave by $way after its end (from an $upstream upstream, with a credential: $credential)',
    async ({ way, upstream, credential }) => {
      sidecar.lend(credential);
      const record = await recordOf(async () => {
        const stream = await openStream(upstream, '/chunked');
        stream.resume();
        await once(stream, 'end');
        leave(way, stream);
      });
      expect(record).toEqual(SUCCEEDED);
    },
  );

  it.each(PROTOCOLS)(
    'by HTTP/1.1 may leave with its last byte (from an %s upstream)',
    async (upstream) => {
      sidecar.lend(true);
      const record = await recordOf(async () => {
        const client = await openH1(upstream, '/length');
        await client.until(/hello$/);
        client.socket.destroy();
      });
      expect(record).toEqual(SUCCEEDED);
    },
  );
});

describe('a client that leaves before it has the whole answer', () => {
  it.each(PROTOCOLS)('ends the exchange, by HTTP/2 (to an %s upstream)', async (upstream) => {
    sidecar.lend(true);
    const record = await recordOf(async () => {
      const stream = await openStream(upstream, '/half');
      await once(stream, 'data');
      leave('CANCEL', stream);
    });
    expect(record).toMatchObject({ log: ['CallAborted'], refused: true });
    await eventually(() => expect(services[upstream].open).toBe(0));
  });

  it.each(PROTOCOLS)('ends the exchange, by HTTP/1.1 (to an %s upstream)', async (upstream) => {
    sidecar.lend(true);
    const record = await recordOf(async () => {
      const client = await openH1(upstream, '/half');
      await client.until(/hello$/);
      client.socket.destroy();
    });
    expect(record).toMatchObject({ log: ['CallAborted'], refused: true });
    await eventually(() => expect(services[upstream].open).toBe(0));
  });

  it('ends the exchange, without TLS', async () => {
    sidecar.lend(false);
    const record = await recordOf(async () => {
      const client = await plainCall('/half', '1.1');
      await client.until(/hello$/);
      client.socket.resetAndDestroy();
    });
    expect(record).toMatchObject({ log: ['CallAborted'], refused: true });
    await eventually(() => expect(services.plain.open).toBe(0));
  });
});

async function plainCall(path: string, version: string): Promise<RawClient> {
  const client = await RawClient.connect(sidecar.port);
  client.write(`GET http://${PLAIN}${path} HTTP/${version}\r\nHost: ${PLAIN}\r\n\r\n`);
  return client;
}

describe('a client that has ended its side after its request', () => {
  it.each(
    ['/length', '/chunked', '/close'].flatMap((path) =>
      ['1.0', '1.1'].map((version) => ({ path, version })),
    ),
  )('gets its answer ($path, HTTP/$version), and its connection is closed', async (how) => {
    sidecar.lend(false);
    let received = '';
    const record = await recordOf(async () => {
      const client = await plainCall(how.path, how.version);
      client.socket.end();
      received = await client.untilClosed();
    });
    expect(received).toMatch(/^HTTP\/1\.1 200 .*hel(?:\r\n2\r\n)?lo/s);
    expect(record).toEqual(SUCCEEDED);
  });

  it('and asked for nothing is closed', async () => {
    const client = await RawClient.connect(sidecar.port);
    client.socket.end();
    expect(await client.untilClosed()).toBe('');
  });

  it('within its request is refused and closed', async () => {
    const client = await RawClient.connect(sidecar.port);
    client.write(`GET http://${PLAIN}/length HTTP/1.1\r\nHost:`);
    client.socket.end();
    expect(await client.untilClosed()).toMatch(/^(?:HTTP\/1\.1 400 |$)/);
  });
});
