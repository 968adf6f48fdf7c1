import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { LiveSecrets } from '../../../../sidecar/scan/live-secrets.ts';
import { signatureOf } from '../../../support/signed-tokens.ts';
import { startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  type Handler,
  liveToken,
  options,
  read,
  readUntilError,
  TOKEN,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

const CODED = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  'deflate, without its wrapper': deflateRawSync,
} as const;
const nameOf = (coding: string): string => coding.split(',')[0] ?? '';
const echoed = { code: 'CredentialEchoed', dispatched: true };
const unreadable = { code: 'UpstreamEncodedResponse', dispatched: true };

const TEXT = `${'{"host":"host-7","state":"quarantined"}\n'.repeat(2_000)}${randomBytes(40_000).toString('base64')}`;

function answering(encoded: Buffer, coding: string, chunk = 1_000): Handler {
  return (_req, res) => {
    res.writeHead(200, { 'content-encoding': coding, 'content-type': 'application/json' });
    for (let at = 0; at < encoded.length; at += chunk) res.write(encoded.subarray(at, at + chunk));
    res.end();
  };
}

const CALLS = (['h1', 'h2'] as const).flatMap((protocol) =>
  [false, true].map((lent) => ({ protocol, lent, credential: lent ? 'with' : 'without' })),
);

describe.each(CALLS)(
  'an encoded answer of an $protocol upstream to a call $credential a credential',
  ({ protocol, lent }) => {
    async function call(handler: Handler, secrets: LiveSecrets, method?: string) {
      const { upstream } = await start(protocol, handler);
      const forwarder = closing(await forwarderTo(upstream.port, { secrets }));
      const changes = method === undefined ? {} : { method };
      return forwarder.forward(lent ? credentialed(changes) : aRequest(changes), options());
    }

    it.each(Object.keys(CODED) as (keyof typeof CODED)[])(
      'in %s passes byte for byte, also while a credential is live',
      async (coding) => {
        const encoded = CODED[coding](TEXT);
        for (const secrets of [liveToken(), new LiveSecrets()]) {
          const { body, headers } = await call(answering(encoded, nameOf(coding)), secrets);
          expect(await read(body)).toBe(encoded.toString('latin1'));
          expect(headers).toContainEqual(['content-encoding', nameOf(coding)]);
        }
      },
    );

    it.each(Object.keys(CODED) as (keyof typeof CODED)[])(
      'in %s is cut where it decodes to a live token',
      async (coding) => {
        for (const written of [TOKEN, btoa(`user:${TOKEN}`)]) {
          const encoded = CODED[coding](`${TEXT}${written}${TEXT}`);
          for (const chunk of [10_000_000, 700]) {
            const { body } = await call(answering(encoded, nameOf(coding), chunk), liveToken());
            const { text, error } = await readUntilError(body);
            expect(error).toMatchObject(echoed);
            expect(text.length).toBeLessThan(encoded.length);
          }
        }
      },
    );

    it('is cut if the token was made after it had begun', async () => {
      const secrets = new LiveSecrets();
      const encoded = gzipSync(`${TEXT}${TOKEN}`);
      const more = Promise.withResolvers<void>();
      const { body } = await call((_req, res) => {
        res.writeHead(200, { 'content-encoding': 'gzip' });
        res.write(encoded.subarray(0, 500));
        void more.promise.then(() => res.end(encoded.subarray(500)));
      }, secrets);
      const outcome = readUntilError(body);
      secrets.add([{ whole: TOKEN, unguessable: signatureOf(TOKEN) }]);
      more.resolve();
      expect((await outcome).error).toMatchObject(echoed);
    });

    it('is cut where a token follows in clear', async () => {
      const encoded = Buffer.concat([gzipSync('nothing'), Buffer.from(TOKEN)]);
      const { body } = await call(answering(encoded, 'gzip'), liveToken());
      expect((await readUntilError(body)).error).toMatchObject(echoed);
    });

    it('in several members is looked into to its end', async () => {
      const encoded = Buffer.concat([gzipSync('nothing'), gzipSync(TOKEN)]);
      const { body } = await call(answering(encoded, 'gzip'), liveToken());
      expect((await readUntilError(body)).error).toMatchObject(echoed);
    });

    it.each<[string, Buffer, Record<string, string>]>([
      ['in Brotli', brotliCompressSync('text'), { 'content-encoding': 'br' }],
      ['in two codings', gzipSync(gzipSync('text')), { 'content-encoding': 'gzip, gzip' }],
      ['in a coding that nobody knows', Buffer.from('text'), { 'content-encoding': 'rot13' }],
      ['in another coding than it says', Buffer.from('text'), { 'content-encoding': 'gzip' }],
      [
        'that is a part of one',
        gzipSync('text').subarray(3),
        {
          'content-encoding': 'gzip',
          'content-range': 'bytes 3-20/21',
        },
      ],
      ['in messages of gRPC', gzipSync('text'), { 'grpc-encoding': 'gzip' }],
      ['in messages of Connect', gzipSync('text'), { 'connect-content-encoding': 'gzip' }],
      ['in EBCDIC', Buffer.from([0xa3, 0x85]), { 'content-type': 'text/plain; charset=ibm037' }],
      ['that swells', gzipSync(Buffer.alloc(50_000_000)), { 'content-encoding': 'gzip' }],
    ])('%s passes only while no credential is live', async (_, encoded, headers) => {
      const handler: Handler = (_req, res) => void res.writeHead(200, headers).end(encoded);
      const refused = await call(handler, liveToken()).then(
        async ({ body }) => (await readUntilError(body)).error,
        (error: unknown) => error,
      );
      expect(refused).toMatchObject(unreadable);
      if (lent) return;
      const { body } = await call(handler, new LiveSecrets());
      expect(await read(body)).toBe(encoded.toString('latin1'));
    });

    it.each([
      ['HEAD', 200],
      ['GET', 304],
      ['GET', 204],
    ])('to %s with status %i has nothing that is encoded', async (method, status) => {
      const headers = { 'content-encoding': 'br', etag: '"1"' };
      const handler: Handler = (_req, res) => void res.writeHead(status, headers).end();
      const { body, headers: passed } = await call(handler, liveToken(), method);
      expect(await read(body)).toBe('');
      expect(passed).toContainEqual(['etag', '"1"']);
    });

    it('in UTF-16 passes, unless the token is in it', async () => {
      const answer =
        (text: string): Handler =>
        (_req, res) =>
          void res
            .writeHead(200, { 'content-type': 'text/plain; charset=utf-16le' })
            .end(Buffer.from(text, 'utf16le'));
      const { body } = await call(answer('text'), liveToken());
      expect(await read(body)).toBe('t\0e\0x\0t\0');
      const { body: other } = await call(answer(TOKEN), liveToken());
      expect((await readUntilError(other)).error).toMatchObject(echoed);
    });

    it('leaves nothing open when its reader goes', async () => {
      const encoded = gzipSync(randomBytes(3_000_000));
      const { body } = await call(answering(encoded, 'gzip', 100_000), liveToken());
      for await (const chunk of body) {
        expect(chunk).toBeInstanceOf(Buffer);
        break;
      }
      expect(body.destroyed).toBe(true);
      expect(gunzipSync(encoded)).toHaveLength(3_000_000);
    });
  },
);
