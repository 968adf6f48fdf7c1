import { describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  options,
  read,
  readUntilError,
  rejection,
  TOKEN,
} from './upstreams.ts';

const { start } = startsUpstreams();

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('does not pass on trailers or what belongs to the connection', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('alt-svc', 'h3=":443"');
      res.setHeader('x-kept', 'yes');
      if (protocol === 'h1') {
        res.setHeader('connection', 'close, x-named');
        res.setHeader('x-named', 'by connection');
        res.setHeader('trailer', 'x-trailer');
      }
      res.write('body');
      res.addTrailers({ 'x-trailer': 'late' });
      res.end();
    });
    const response = await forwarder.forward(aRequest(), options());
    expect(await read(response.body)).toBe('body');
    const names = response.headers.map(([name]) => name).filter((name) => name !== 'date');
    expect(names).toEqual(['x-kept']);
  });

  it('withholds cookies and session identifiers after a credential, and only then', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.setHeader('mcp-session-id', 's1');
      res.end();
    });
    const names = async (request: ReturnType<typeof aRequest>) => {
      const response = await forwarder.forward(request, options());
      await read(response.body);
      return response.headers.map(([name]) => name);
    };
    expect(await names(credentialed())).not.toContain('set-cookie');
    expect(await names(credentialed())).not.toContain('mcp-session-id');
    expect(await names(aRequest())).toEqual(expect.arrayContaining(['set-cookie', 'set-cookie']));
  });

  it('refuses an encoded response to a call with a credential, and only to such', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('content-encoding', 'gzip');
      res.end('not really');
    });
    expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
      code: 'UpstreamEncodedResponse',
      dispatched: true,
    });
    const response = await forwarder.forward(aRequest(), options());
    expect(await read(response.body)).toBe('not really');
  });

  it.each([
    ['text/plain; charset=utf-16', false],
    ['application/json;charset="UTF-16LE"', false],
    ['text/plain; charset=utf-32', false],
    ['text/plain; charset=utf-7', false],
    ['text/plain; charset=ibm037', false],
    ['text/plain; charset=utf-8; charset=utf-16', false],
    ['text/plain; charset=utf-8', true],
    ['text/html; charset="ISO-8859-15"', true],
    ['text/plain;charset=windows-1252', true],
    ['application/json', true],
  ])('takes an answer of type %s to a call with a credential: %s', async (type, taken) => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('content-type', type);
      res.end('text');
    });
    const answered = forwarder.forward(credentialed(), options());
    if (taken) expect(await read((await answered).body)).toBe('text');
    else {
      expect(await rejection(answered)).toMatchObject({
        code: 'UpstreamEncodedResponse',
        dispatched: true,
      });
    }
    const plain = await forwarder.forward(aRequest(), options());
    expect(await read(plain.body)).toBe('text');
  });

  it('refuses a response whose head repeats the token', async () => {
    const { forwarder } = await start(protocol, (req, res) => {
      res.setHeader('x-echo', `you sent ${req.headers.authorization}`);
      res.end();
    });
    expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
      code: 'CredentialEchoed',
      dispatched: true,
    });
  });

  it('cuts a body where it repeats the token, and lets no byte of it out', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.write('before ');
      res.write(TOKEN.slice(0, 10));
      setTimeout(() => res.write(`${TOKEN.slice(10)} after`), 50);
    });
    const { body } = await forwarder.forward(credentialed(), options());
    const { text, error } = await readUntilError(body);
    expect(text).toBe('before ');
    expect(error).toMatchObject({ code: 'CredentialEchoed', dispatched: true });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('fails a response whose trailers repeat the token', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      if (protocol === 'h1') res.setHeader('trailer', 'x-echo');
      res.write('body');
      res.addTrailers({ 'x-echo': TOKEN });
      res.end();
    });
    const { body } = await forwarder.forward(credentialed(), options());
    expect((await readUntilError(body)).error).toMatchObject({ code: 'CredentialEchoed' });
  });
});
