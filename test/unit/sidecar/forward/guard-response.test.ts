import { describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import { guardResponseHead } from '../../../../sidecar/forward/guard-response.ts';
import { LiveSecrets } from '../../../../sidecar/scan/live-secrets.ts';
import { eventually } from '../../../support/eventually.ts';
import { startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  liveToken,
  options,
  read,
  readUntilError,
  rejection,
  TOKEN,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

const secrets = liveToken();
const plain = { credentialed: false, secrets: new LiveSecrets() };
const lent = { credentialed: true, secrets };

describe('the head of an answer', () => {
  it.each([199, 100, 600, 999])('with status %i is refused', (status) => {
    expect(() => guardResponseHead(status, [], plain)).toThrow(
      expect.objectContaining({ code: 'UpstreamProtocolError', dispatched: true }),
    );
  });

  it.each<[string, HeaderPair[]]>([
    ['a name with a space', [['x a', 'b']]],
    ['a name with a capital letter', [['X-A', 'b']]],
    ['a value with a control character', [['x-a', 'b\u0000']]],
    ['a value with more than single-byte characters', [['x-a', '\u0100']]],
    ['a transfer coding other than chunked', [['transfer-encoding', 'gzip, chunked']]],
  ])('with %s is refused', (_, headers) => {
    expect(() => guardResponseHead(200, headers, plain)).toThrow(
      expect.objectContaining({ code: 'UpstreamProtocolError', dispatched: true }),
    );
  });

  it.each([
    'alt-svc',
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authentication-info',
    'proxy-connection',
    'te',
    'trailer',
    'upgrade',
  ])('is passed on without %s', (name) => {
    const headers: HeaderPair[] = [
      [name, 'x'],
      ['x-kept', 'yes'],
    ];
    expect(guardResponseHead(200, headers, plain)).toEqual([['x-kept', 'yes']]);
  });

  it('is passed on without what its connection header names, in any case and place', () => {
    const headers: HeaderPair[] = [
      ['x-named', '1'],
      ['connection', 'close, X-Named'],
      ['connection', 'x-other'],
      ['x-other', '2'],
      ['x-kept', 'yes'],
    ];
    expect(guardResponseHead(200, headers, plain)).toEqual([['x-kept', 'yes']]);
  });

  it.each([
    [204, []],
    [200, [['content-length', '5']]],
    [304, [['content-length', '5']]],
  ])('of status %i has of a length: %j', (status, kept) => {
    expect(guardResponseHead(status, [['content-length', '5']], plain)).toEqual(kept);
  });

  it.each<[string, string?]>([
    ['authentication-info'],
    ['authorization'],
    ['clear-site-data'],
    ['cookie'],
    ['dpop-nonce'],
    ['lock-token'],
    ['mcp-session-id'],
    ['paypal-auth-assertion'],
    ['proxy-authenticate'],
    ['refresh'],
    ['refresh-token'],
    ['replay-nonce'],
    ['session-id'],
    ['set-cookie'],
    ['set-cookie2'],
    ['set-login'],
    ['www-authenticate', 'Negotiate oYG2MIGzoAMKAQChCwYJKoZIgvcSAQIC'],
    ['www-authenticate', 'Bearer dGhlIG5leHQgdG9rZW4'],
    ['www-authenticate', 'Digest realm="x", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'],
    ['x-access-token'],
    ['x-amz-meta-session-token'],
    ['x-amz-security-token'],
    ['x-amzn-remapped-authorization'],
    ['x-amzn-remapped-set-cookie'],
    ['x-api-key'],
    ['x-auth-token'],
    ['x-csrf-token'],
    ['x-forwarded-access-token'],
    ['x-goog-iap-generated-response'],
    ['x-guploader-uploadid'],
    ['x-id-token'],
    ['x-jwt-assertion'],
    ['x-ms-session-token'],
    ['x-ms-token-aad-access-token'],
    ['x-nobody-knows'],
    ['x-ratelimit-bypass-key'],
    ['x-refresh-token'],
    ['x-session-id'],
    ['x-session-token'],
    ['x-subject-token'],
    ['x-transmission-session-id'],
    ['x-vault-token'],
    ['x-xsrf-token'],
  ])('loses %s after a credential (%s)', (name, value = 'x') => {
    expect(guardResponseHead(200, [[name, value]], lent)).toEqual([]);
  });

  it.each(['set-cookie', 'www-authenticate', 'x-subject-token', 'x-nobody-knows'])(
    'keeps %s without one',
    (name) => {
      expect(guardResponseHead(200, [[name, 'x']], plain)).toEqual([[name, 'x']]);
    },
  );

  it.each<[client: string, headers: Record<string, string>]>([
    ['curl', { date: 'x', 'content-type': 'text/plain', 'content-length': '1', server: 'nginx' }],
    [
      'kubectl',
      {
        'audit-id': '1',
        warning: '299 - "x is deprecated"',
        'x-kubernetes-pf-flowschema-uid': '1',
        'x-kubernetes-pf-prioritylevel-uid': '1',
      },
    ],
    [
      'git',
      { 'cache-control': 'no-cache', expires: 'x', pragma: 'no-cache', 'x-frame-options': 'DENY' },
    ],
    [
      'gh and octokit',
      {
        'x-ratelimit-limit': '5000',
        'x-ratelimit-reset': '1',
        'x-github-request-id': '1',
        'x-github-media-type': 'github.v3',
        'x-oauth-scopes': 'repo',
        'x-accepted-oauth-scopes': 'repo',
        link: '<https://api.github.com/x?page=2>; rel="next"',
        etag: '"1"',
        'retry-after': '60',
      },
    ],
    [
      'glab',
      { 'x-total-pages': '3', 'x-next-page': '2', 'x-gitlab-meta': '{}', 'ratelimit-limit': '1' },
    ],
    [
      'docker and oras',
      {
        'docker-content-digest': 'sha256:1',
        'docker-distribution-api-version': 'registry/2.0',
        'docker-upload-uuid': '1',
        location: '/v2/a/blobs/uploads/1?_state=x',
        range: '0-1',
        'oci-subject': 'sha256:1',
        'www-authenticate': 'Bearer realm="https://auth.example.com/token",service="registry"',
      },
    ],
    [
      'npm, pip, cargo, terraform',
      { 'npm-notice': 'x', 'x-pypi-last-serial': '1', 'x-terraform-get': './x' },
    ],
    [
      'boto3',
      {
        'x-amz-request-id': '1',
        'x-amz-id-2': '1',
        'x-amzn-requestid': '1',
        'x-amz-version-id': '1',
        'x-amz-meta-author': 'x',
        'x-amz-checksum-crc32': 'x',
        'x-amz-server-side-encryption': 'AES256',
        'x-amz-server-side-encryption-aws-kms-key-id': 'arn:x',
        'x-amz-bucket-region': 'eu-west-1',
        'x-amzn-errortype': 'ThrottlingException',
        'x-amz-crc32': '1',
      },
    ],
    [
      'gcloud',
      { 'x-goog-generation': '1', 'x-goog-hash': 'crc32c=1', 'x-goog-stored-content-length': '1' },
    ],
    ['az', { 'x-ms-request-id': '1', 'x-ms-version': '1', 'azure-asyncoperation': 'https://x/1' }],
    [
      'openai and anthropic',
      {
        'openai-processing-ms': '1',
        'openai-organization': 'x',
        'x-ratelimit-remaining-tokens': '1',
        'x-ratelimit-limit-tokens': '1',
        'x-ratelimit-reset-tokens': '1s',
        'anthropic-ratelimit-input-tokens-remaining': '1',
        'anthropic-ratelimit-tokens-reset': 'x',
        'request-id': '1',
        'x-should-retry': 'true',
        'retry-after-ms': '1',
      },
    ],
    [
      'stripe',
      {
        'request-id': '1',
        'idempotency-key': '1',
        'stripe-version': '1',
        'stripe-should-retry': 'true',
      },
    ],
    ['the client of Elasticsearch', { 'x-elastic-product': 'Elasticsearch' }],
    ['consul and vault', { 'x-consul-index': '1', 'x-consul-knownleader': 'true' }],
    ['a client of gRPC', { 'grpc-status': '0', 'grpc-message': 'x' }],
    [
      'a browser',
      { 'access-control-allow-origin': '*', 'content-security-policy': 'x', vary: 'x' },
    ],
    ['a tracer', { traceparent: '00-1-1-01', 'x-request-id': '1', 'x-b3-traceid': '1' }],
    ['an MCP client', { 'mcp-protocol-version': '2026-07-28' }],
  ])('keeps what %s needs, after a credential, too', (_, headers) => {
    const pairs = Object.entries(headers);
    expect(guardResponseHead(200, pairs, lent)).toEqual(pairs);
  });

  it.each([
    ['the value of a header', ['x-echo', `you sent ${TOKEN}`]],
    ['a header that is not passed on', ['set-cookie', TOKEN]],
  ] as const)('with the credential in %s is refused', (_, header) => {
    for (const credentialed of [true, false]) {
      expect(() => guardResponseHead(200, [header], { credentialed, secrets })).toThrow(
        expect.objectContaining({ code: 'CredentialEchoed', dispatched: true }),
      );
    }
    expect(() => guardResponseHead(200, [header], plain)).not.toThrow();
  });
});

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

  it.each(['content-encoding', 'grpc-encoding', 'connect-content-encoding'])(
    'refuses an encoded response (%s) to a call with a credential before anything of it is passed on',
    async (name) => {
      const { forwarder } = await start(protocol, (_req, res) => {
        res.setHeader(name, 'br');
        res.end('not really');
      });
      expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
        code: 'UpstreamEncodedResponse',
        dispatched: true,
        detail: expect.stringContaining('although asked not to'),
      });
    },
  );

  it.each([
    ['text/plain; charset=utf-16', true],
    ['application/json;charset="UTF-16LE"', true],
    ['text/plain; charset=utf-32', true],
    ['text/plain; charset=utf-7', false],
    ['text/plain; charset=ibm037', false],
    ['text/plain; charset=utf-8; charset=utf-7', false],
    ['text/plain; charset=utf-8', true],
    ['text/html; charset="ISO-8859-15"', true],
    ['text/plain;charset=windows-1252', true],
    ['application/json', true],
  ])('takes an answer of type %s to a call with a credential: %s', async (type, taken) => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
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
    const unwatched = closing(await forwarderTo(upstream.port, { secrets: new LiveSecrets() }));
    const plain = await unwatched.forward(aRequest(), options());
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
