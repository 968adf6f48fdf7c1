/** Where in an answer a credential may come back, over either protocol, and of which call it is. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { lentCredential } from '../../../../sidecar/credential/lent-credential.ts';
import { LiveSecrets } from '../../../../sidecar/scan/live-secrets.ts';
import { eventually } from '../../../support/eventually.ts';
import { signatureOf, signedToken } from '../../../support/signed-tokens.ts';
import { startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  options,
  read,
  readUntilError,
  rejection,
  startRawUpstream,
  TOKEN,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

const echoed = { code: 'CredentialEchoed', dispatched: true };
const pieces = (text: string, length: number): string[] =>
  text.match(new RegExp(`.{1,${length}}`, 'g')) ?? [];

/** Every call of a pod, whether or not it carries a credential itself. */
const CALLS = [
  ['with that credential', credentialed],
  ['without a credential', aRequest],
  [
    'with another credential',
    () =>
      credentialed({
        credential: lentCredential({
          token: signedToken(),
          expirationTime: '2026-11-30T12:00:00Z',
        }),
      }),
  ],
] as const;

describe.each(['h1', 'h2'] as const)('a live token in the answer of an %s upstream', (protocol) => {
  describe.each(CALLS)('to a call %s', (_call, make) => {
    it.each<[string, number, Record<string, string | string[]>]>([
      ['a header', 200, { 'x-request-id': `you sent ${TOKEN}` }],
      ['a header, in base64', 200, { etag: Buffer.from(`a:${TOKEN}`).toString('base64') }],
      ['the name of a header', 200, { [`x-${TOKEN}`]: '1' }],
      ['a header that is not passed on', 200, { 'alt-svc': `h3="${TOKEN}"` }],
      ['a redirect', 302, { location: `/?t=${TOKEN}` }],
      ['a cookie', 200, { 'set-cookie': `t=${TOKEN}` }],
      [
        'several headers, some of it in each',
        200,
        Object.fromEntries(
          pieces(signatureOf(TOKEN), 18).map((piece, n) => [`x-part-${n}`, piece]),
        ),
      ],
      ['one header that is repeated', 200, { 'x-part': pieces(signatureOf(TOKEN), 18) }],
      ['the head of a refusal of the service', 401, { 'www-authenticate': `Bearer ${TOKEN}` }],
    ])('in %s: the answer is refused', async (_, status, headers) => {
      const { forwarder } = await start(
        protocol,
        (_req, res) => void res.writeHead(status, headers).end(),
      );
      expect(await rejection(forwarder.forward(make(), options()))).toMatchObject(echoed);
    });

    it.each<[string, string[]]>([
      ['at once', [`before\n${TOKEN}\nafter`]],
      ['byte by byte', ['before\n', ...TOKEN.slice(0, -200), ...TOKEN.slice(-200)]],
      ['in base64, in small pieces', ['before\n', ...pieces(btoa(TOKEN), 7)]],
      ['in hexadecimal digits', ['before\n', ...pieces(Buffer.from(TOKEN).toString('hex'), 99)]],
    ])('in the body, %s: it is cut there', async (_, chunks) => {
      const { upstream, forwarder } = await start(protocol, (_req, res) => {
        // As what a service refuses is answered, too.
        res.statusCode = 403;
        for (const chunk of chunks) res.write(chunk);
      });
      const { body } = await forwarder.forward(make(), options());
      const { text, error } = await readUntilError(body);
      expect(error).toMatchObject(echoed);
      expect(text).not.toContain(signatureOf(TOKEN).slice(0, 20));
      expect(text).not.toContain('after');
      await eventually(() => expect(upstream.open).toBe(0));
    });

    it('in trailers: the answer fails', async () => {
      const { forwarder } = await start(protocol, (_req, res) => {
        if (protocol === 'h1') res.setHeader('trailer', 'x-echo, x-more');
        res.write('body');
        res.addTrailers({ 'x-echo': TOKEN.slice(0, -300), 'x-more': TOKEN.slice(-300) });
        res.end();
      });
      const { body } = await forwarder.forward(make(), options());
      expect((await readUntilError(body)).error).toMatchObject(echoed);
    });
  });

  it('is found in an answer that had begun before the token was made', async () => {
    const secrets = new LiveSecrets();
    const more = Promise.withResolvers<void>();
    const { upstream } = await start(protocol, (_req, res) => {
      res.write('before\n');
      void more.promise.then(() => res.write(`and now ${TOKEN}`));
    });
    const forwarder = closing(await forwarderTo(upstream.port, { secrets }));
    const { body } = await forwarder.forward(aRequest(), options());
    const outcome = readUntilError(body);
    secrets.add(credentialed().credential?.secretTexts() ?? []);
    more.resolve();
    const { text, error } = await outcome;
    expect([text, error]).toEqual(['before\n', expect.objectContaining(echoed)]);
  });

  it('passes once nobody accepts it any more', async () => {
    const { upstream } = await start(protocol, (_req, res) => void res.end(TOKEN));
    const forwarder = closing(await forwarderTo(upstream.port, { secrets: new LiveSecrets() }));
    expect(await read((await forwarder.forward(aRequest(), options())).body)).toBe(TOKEN);
  });
});

describe('over HTTP/1.1, what has no counterpart in HTTP/2', () => {
  const answering = async (bytes: string) => {
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.once('data', () => socket.write(bytes));
      }),
    );
    return closing(await forwarderTo(upstream.port));
  };

  it('the reason phrase is not passed on', async () => {
    const forwarder = await answering(`HTTP/1.1 200 ${TOKEN}\r\ncontent-length: 2\r\n\r\nok`);
    const response = await forwarder.forward(credentialed(), options());
    expect(await read(response.body)).toBe('ok');
    expect(JSON.stringify({ ...response, body: null })).not.toContain(TOKEN.slice(0, 10));
  });

  it('the head of an interim answer is not passed on', async () => {
    const forwarder = await answering(
      `HTTP/1.1 103 Early Hints\r\nlink: <https://x/?${TOKEN}>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
    );
    const response = await forwarder.forward(credentialed(), options());
    expect(await read(response.body)).toBe('ok');
    expect(JSON.stringify(response.headers)).not.toContain(TOKEN.slice(0, 10));
  });

  it('extensions of chunks are not passed on', async () => {
    const forwarder = await answering(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;t=${TOKEN.slice(0, 200)}\r\nok\r\n0\r\n\r\n`,
    );
    expect(await read((await forwarder.forward(credentialed(), options())).body)).toBe('ok');
  });

  it('what follows the answer on its connection is not passed on', async () => {
    const forwarder = await answering(
      `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${TOKEN}HTTP/1.1 200 OK\r\n\r\n`,
    );
    const response = await forwarder.forward(credentialed(), options());
    const { text } = await readUntilError(response.body);
    expect('ok'.startsWith(text)).toBe(true);
  });

  it('a token that no call of this pod has may come', async () => {
    const other = signedToken();
    const forwarder = await answering(
      `HTTP/1.1 200 OK\r\ncontent-length: ${other.length}\r\n\r\n${other}`,
    );
    const deadline = systemClock.monotonic() + 5_000;
    expect(await read((await forwarder.forward(credentialed(), options({ deadline }))).body)).toBe(
      other,
    );
  });
});
