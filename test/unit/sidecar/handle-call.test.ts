import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { API_SERVER_NAMES, BODY_LIMIT_BYTES } from '../../../core/api/names.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import { createEarlierTries } from '../../../sidecar/earlier-tries.ts';
import { ForwardError } from '../../../sidecar/forward/error.ts';
import type { ForwardOptions } from '../../../sidecar/forward/forward.ts';
import type { UpstreamRequest } from '../../../sidecar/forward/upstream.ts';
import { LiveSecrets } from '../../../sidecar/scan/live-secrets.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { signatureOf, signedToken } from '../../support/signed-tokens.ts';
import { aHead, aKubernetesHead } from './describe/heads.ts';
import { anAnswer, CLUSTER_CA, GRANT, handled, NONCE } from './one-call.ts';

const POST = aHead({ method: 'POST', target: '/v1/hosts/host-7/quarantine?now' });
const DELETE_POD = aKubernetesHead('DELETE', '/api/v1/namespaces/shop/pods/checkout-0');

/** A POST of JSON; the body is not in its canonical form. */
const JSON_BODY = '{ "b": 1.0, "a": 2 }';
const jsonHead = (body: string | Buffer) =>
  aHead({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
  });

function refuseUse(code: ConstructorParameters<typeof ProblemError>[0]) {
  return () => {
    throw new ProblemError(code, `${code} it is.`);
  };
}

/** Every text in a JSON document. */
function textOf(document: string): string {
  const texts: string[] = [];
  JSON.parse(document, (_, value) => typeof value === 'string' && texts.push(value));
  return texts.join('\n');
}

/** The upstream fails, before or after the first byte was written. */
function failing(dispatched: boolean) {
  return (_: UpstreamRequest, options: ForwardOptions): never => {
    if (dispatched) options.onDispatched?.();
    throw new ForwardError('UpstreamUnreachable', dispatched, 'The host cannot be reached.');
  };
}

describe('a granted call', () => {
  it('is sent once as it was described, answered, and completed with the credential of its use', async () => {
    const { uses, forwarded, completions, client, calls } = await handled({
      head: POST,
      use: () => ({ credential: { token: 'the.minted.token', expirationTime: '' } }),
    });
    expect(uses.map(({ nonce, action }) => ({ nonce, action }))).toEqual([
      {
        nonce: NONCE,
        action: {
          type: 'HTTP',
          method: 'POST',
          url: 'https://edr.example.com/v1/hosts/host-7/quarantine?now',
          headers: {},
          body: { kind: 'none' },
        },
      },
    ]);
    expect(forwarded).toHaveLength(1);
    expect(forwarded[0]?.request).toMatchObject({
      method: 'POST',
      host: 'edr.example.com',
      path: '/v1/hosts/host-7/quarantine?now',
      body: null,
    });
    expect(forwarded[0]?.request.credential?.token.reveal()).toBe('the.minted.token');
    expect(forwarded[0]?.options).toMatchObject({
      identity: GRANT.uid,
      deadline: 31_000,
      wallDeadline: Date.UTC(2026, 0, 1) + 31_000,
    });
    expect(client).toMatchObject({ status: 200, body: 'done', headers: [['x-from', 'upstream']] });
    const [{ token, ...completion } = {}] = completions;
    expect(completions).toHaveLength(1);
    expect(completion).toEqual({
      nonce: NONCE,
      grant: GRANT,
      outcome: 'Succeeded',
      responseCode: 200,
      deadline: 31_000,
    });
    expect(token?.reveal()).toBe('the.minted.token');
    expect(await calls('HTTP', 'Granted')).toBe(1);
  });

  it('to any host is refused if the host turns out to be the API server', async () => {
    const { forwarded } = await handled({ head: POST });
    expect(forwarded[0]?.options.refuseCertificateNames).toEqual(API_SERVER_NAMES);
    expect(forwarded[0]?.options.kubernetes).toBeUndefined();
  });

  it('to the API server trusts the CA of the cluster alone, and checks the name of the API server', async () => {
    const { forwarded, calls } = await handled({ head: DELETE_POD });
    expect(forwarded[0]?.options).toMatchObject({
      kubernetes: { ca: CLUSTER_CA, serverName: 'kubernetes.default.svc' },
    });
    expect(forwarded[0]?.options.refuseCertificateNames).toBeUndefined();
    expect(await calls('Kubernetes', 'Granted')).toBe(1);
  });

  it.each([
    ['the canonical bytes for a grant that states JSON', 'JSON', '{"a":2,"b":1}'],
    ['the bytes as they came for a grant that states their digest', 'SHA256', JSON_BODY],
    ['the bytes as they came for a grant of any body', 'Any', JSON_BODY],
    ['what is no JSON for a grant that states its digest', 'SHA256', '{"a":1,"a":2}'],
    ['what is no JSON for a grant of any body', 'Any', '{"a":1}\n{"a":2}\n'],
  ] as const)('sends %s', async (_, bodyForm, sent) => {
    const body = bodyForm === 'JSON' ? JSON_BODY : sent;
    const { forwarded } = await handled({
      head: jsonHead(body),
      body,
      use: () => ({ bodyForm }),
    });
    expect(forwarded[0]?.body).toBe(sent);
  });

  it('streams a body that is too large to be compared, from its first byte', async () => {
    const body = Buffer.alloc(BODY_LIMIT_BYTES + 1, 'x');
    const { uses, forwarded } = await handled({
      head: jsonHead(body),
      body,
      use: () => ({ bodyForm: 'Any' }),
    });
    expect(uses[0]?.action.body).toEqual({ kind: 'unread' });
    expect(forwarded[0]?.body).toBe(body.toString());
  });

  it('releases the memory that its body took', async () => {
    const { hasRoomFor } = await handled({
      head: jsonHead(JSON_BODY),
      body: JSON_BODY,
      memoryBytes: 100,
    });
    expect(hasRoomFor(100)).toBe(true);
  });
});

describe('the credential of a use', () => {
  const token = signedToken();
  const expirationTime = '2026-01-01T00:10:00Z';

  async function used(completed: Promise<boolean>) {
    const clock = new FakeClock();
    const secrets = new LiveSecrets();
    let live = -1;
    await handled({
      head: POST,
      clock,
      secrets,
      completed,
      use: () => ({ credential: { token, expirationTime } }),
      forward(_request, options) {
        live = secrets.size;
        options.onDispatched?.();
        return anAnswer(200);
      },
    });
    return { clock, secrets, liveWhenSent: live };
  }

  it('is kept out of answers from before it is sent until 10 s after the controller has heard of its end', async () => {
    const heard = Promise.withResolvers<boolean>();
    const { clock, secrets, liveWhenSent } = await used(heard.promise);
    expect(liveWhenSent).toBe(1);
    await clock.advance(60_000);
    expect(secrets.size).toBe(1);
    heard.resolve(true);
    await clock.advance(9_999);
    expect(secrets.size).toBe(1);
    await clock.advance(1);
    expect(secrets.size).toBe(0);
  });

  it('is kept out of answers until it expires, and 10 s more, if the controller never hears of its end', async () => {
    const { clock, secrets } = await used(Promise.resolve(false));
    const left = Date.parse(expirationTime) - clock.now();
    await clock.advance(left + 9_999);
    expect(secrets.size).toBe(1);
    await clock.advance(1);
    expect(secrets.size).toBe(0);
  });

  it('does not come with API discovery, as schemas are text that tenants write', async () => {
    const secrets = new LiveSecrets();
    secrets.add([{ whole: token, unguessable: signatureOf(token) }]);
    const script = {
      head: aKubernetesHead('GET', '/openapi/v2'),
      secrets,
      discovery: () => ({ definitions: { a: { description: btoa(token) } } }),
    };
    const { client, logged } = await handled(script);
    expect(client.status).toBe(502);
    expect(client.body).not.toContain(btoa(token).slice(0, 100));
    expect(logged).toMatchObject([{ fields: { code: 'CredentialEchoed' } }]);
    expect((await handled({ ...script, secrets: new LiveSecrets() })).client.status).toBe(200);
  });
});

describe('the outcome of a use', () => {
  it.each([
    [200, 'Succeeded'],
    [302, 'Succeeded'],
    [404, 'Failed'],
    [503, 'Failed'],
  ])('of a service that answers %i is %s', async (status, outcome) => {
    const { completions, client } = await handled({
      head: POST,
      forward: () => anAnswer(status),
    });
    expect(completions).toMatchObject([{ outcome, responseCode: status }]);
    expect(client.status).toBe(status);
  });

  it.each([
    ['NotDispatched', 'before', false],
    ['Unknown', 'after', true],
  ])(
    'is %s if the upstream fails %s the first byte was written',
    async (outcome, _, dispatched) => {
      const { completions, client } = await handled({ head: POST, forward: failing(dispatched) });
      expect(completions).toMatchObject([{ outcome }]);
      expect(completions[0]?.responseCode).toBeUndefined();
      expect(client.status).toBe(502);
      expect(JSON.parse(client.body)).toMatchObject({ code: 'UpstreamUnreachable' });
    },
  );

  it('stays what the service answered if the rest of the answer does not arrive', async () => {
    const { completions, client } = await handled({
      head: POST,
      forward: () => ({
        status: 200,
        headers: [],
        body: Readable.from(
          (function* () {
            yield Buffer.from('half');
            throw new ForwardError('UpstreamProtocolError', true, 'The connection was lost.');
          })(),
        ),
      }),
    });
    expect(completions).toMatchObject([{ outcome: 'Succeeded', responseCode: 200 }]);
    expect(client).toMatchObject({ body: 'half', aborted: true });
  });

  const cutOff = (status: number) => () => ({
    status,
    headers: [],
    body: Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new ForwardError('DeadlineExceeded', true, 'The deadline passed.');
      })(),
    ),
  });

  it('is Unknown, with the status, if we cut the answer at the deadline', async () => {
    const { completions, client } = await handled({ head: POST, forward: cutOff(200) });
    expect(completions).toMatchObject([{ outcome: 'Unknown', responseCode: 200 }]);
    expect(client).toMatchObject({ body: 'half', aborted: true });
  });

  it('stays a failure if the service said so before we cut the rest', async () => {
    const { completions } = await handled({ head: POST, forward: cutOff(503) });
    expect(completions).toMatchObject([{ outcome: 'Failed', responseCode: 503 }]);
  });

  it('stays what the service answered if the client does not take it, and nothing is read on', async () => {
    const response = anAnswer(200, 'done');
    const { completions } = await handled({
      head: POST,
      forward: () => response,
      clientFails: new ProblemError('CallAborted', 'The client went away.'),
    });
    expect(completions).toMatchObject([{ outcome: 'Succeeded' }]);
    expect(response.body.destroyed).toBe(true);
  });
});

describe('a refused call', () => {
  it('for want of a grant is told which grant would do, and nothing is sent or completed', async () => {
    const { forwarded, completions, client, calls } = await handled({
      head: jsonHead(JSON_BODY),
      body: JSON_BODY,
      use: refuseUse('GrantRequired'),
    });
    expect(forwarded).toEqual([]);
    expect(completions).toEqual([]);
    expect(client.status).toBe(403);
    const { code, manifest } = JSON.parse(client.body);
    expect(code).toBe('GrantRequired');
    expect(manifest).toContain('serviceAccountName: "incident-agent"');
    expect(manifest).toContain('json: "{\\"a\\":2,\\"b\\":1}"');
    expect(await calls('HTTP', 'Refused')).toBe(1);
  });

  it.each([
    ['a key twice', '{"a":1,"a":2}'],
    ['no end', '{"a":'],
  ])('for want of a grant is told how its body can be stated if it has %s', async (_, body) => {
    const { client } = await handled({
      head: jsonHead(body),
      body,
      use: refuseUse('GrantRequired'),
    });
    const { detail, manifest } = JSON.parse(client.body);
    expect(detail).toMatch(/The body is not acceptable JSON \(.+\): .+ SHA-256, or Any\.$/);
    expect(manifest).toContain('type: SHA256');
  });

  it.each([
    ['570 for a watch', aKubernetesHead('GET', '/api/v1/pods?watch=true'), '570'],
    [
      'more than a watch asks for, so that the API server ends it',
      aKubernetesHead('GET', '/api/v1/pods?watch=true&timeoutSeconds=60'),
      '70',
    ],
    [
      'no more than there is',
      aKubernetesHead('GET', '/api/v1/pods?watch=true&timeoutSeconds=3600'),
      '570',
    ],
    ['570 for events', aHead({ headers: { accept: 'text/event-stream' } }), '570'],
    ['nothing for anything else', aHead(), undefined],
  ])(
    'for want of a grant is told the time that its answer takes: %s',
    async (_, head, expected) => {
      const { client } = await handled({ head, use: refuseUse('GrantRequired') });
      const [, seconds] = /\n {2}timeoutSeconds: (\d+) #/.exec(textOf(client.body)) ?? [];
      expect(seconds).toBe(expected);
    },
  );

  it('for another reason is told no manifest', async () => {
    const { client } = await handled({ head: POST, use: refuseUse('UseNotYours') });
    expect(JSON.parse(client.body)).toMatchObject({ code: 'UseNotYours' });
    expect(JSON.parse(client.body)).not.toHaveProperty('manifest');
  });

  it('that cannot be described asks the exchange for nothing, and counts as no call', async () => {
    const { uses, client, calls } = await handled({ head: aHead({ method: 'TRACE' }) });
    expect(uses).toEqual([]);
    expect(client.status).toBe(405);
    expect(await calls('HTTP', 'Refused')).toBe(0);
  });

  it('says in one line, and beside its status, why, where the manifest is, and what was refused', async () => {
    const { client } = await handled({ head: POST, use: refuseUse('GrantRequired') });
    expect(client.reason).toBe(
      'ActionGrant refused the call (GrantRequired): GrantRequired it is. Ask an approver for a grant; its manifest is in the ' +
        'body of this answer, and in the output of: kubectl -n soc logs agent-0 -c actiongrant. ' +
        'The call: POST https://edr.example.com:443/v1/hosts/host-7/quarantine',
    );
    expect(JSON.parse(client.body)).toMatchObject({
      manifest: expect.stringMatching(/^apiVersion: actiongrant\.dev/),
      message: client.reason,
    });
  });

  it.each([
    [
      'a Status to a client of the API server',
      { ...DELETE_POD, method: 'TRACE' },
      'application/json',
      '"kind":"Status"',
    ],
    [
      'a problem to any other client',
      { ...POST, method: 'TRACE' },
      'application/problem+json',
      '"code":"MethodRefused"',
    ],
    [
      'plain text to git',
      aHead({ method: 'TRACE', headers: { 'user-agent': 'git/2.47.0' } }),
      'text/plain; charset=utf-8',
      'MethodRefused',
    ],
  ])('is answered with %s', async (_, head, contentType, text) => {
    const { client } = await handled({ head });
    expect(client.headers).toContainEqual(['content-type', contentType]);
    expect(client.body).toContain(text);
  });

  it('is reported once without its query, and logged once with the manifest that its answer has', async () => {
    const { reported, logged, client } = await handled({
      head: POST,
      use: refuseUse('GrantRequired'),
    });
    expect(reported).toEqual([
      {
        code: 'GrantRequired',
        attempted: 'POST https://edr.example.com:443/v1/hosts/host-7/quarantine',
      },
    ]);
    expect(logged).toEqual([
      {
        level: 'info',
        message: 'a call was refused',
        fields: {
          code: 'GrantRequired',
          detail: 'GrantRequired it is.',
          attempted: 'POST https://edr.example.com:443/v1/hosts/host-7/quarantine',
          manifest: JSON.parse(client.body).manifest,
        },
      },
    ]);
  });

  it('of a fault of our own is logged as an error, and the client learns nothing of it', async () => {
    const { logged, client } = await handled({
      head: POST,
      forward: () => {
        throw new TypeError('hunter2 is undefined');
      },
    });
    expect(logged).toMatchObject([{ level: 'error', fields: { code: 'Internal' } }]);
    expect(client.status).toBe(500);
    expect(client.body).not.toContain('hunter2');
  });

  it('whose body takes more memory than there is releases what it took', async () => {
    const { client, uses, hasRoomFor } = await handled({
      head: jsonHead(JSON_BODY),
      body: JSON_BODY,
      memoryBytes: 25,
    });
    expect(JSON.parse(client.body)).toMatchObject({ code: 'TooManyRequests' });
    expect(uses).toEqual([]);
    expect(hasRoomFor(25)).toBe(true);
  });

  it('with a body that is a JSON grant without a JSON reading is sent nowhere', async () => {
    const { forwarded, completions, client } = await handled({
      head: POST,
      use: () => ({ bodyForm: 'JSON' }),
    });
    expect(forwarded).toEqual([]);
    expect(completions).toMatchObject([{ outcome: 'NotDispatched' }]);
    expect(client.status).toBe(500);
  });
});

it('discovery is answered by the controller, and takes no use', async () => {
  const { uses, forwarded, client, calls } = await handled({
    head: aKubernetesHead('GET', '/apis/apps/v1?timeout=32s'),
    discovery: (path) => ({ path }),
  });
  expect([...uses, ...forwarded]).toEqual([]);
  expect(JSON.parse(client.body)).toEqual({ path: '/apis/apps/v1?timeout=32s' });
  expect(await calls('Kubernetes', 'Discovery')).toBe(1);
});

describe('a second try of a call that used its grant up', () => {
  /** The first is granted, and answered by `forward`; then the grant is used up. */
  async function triedTwice(forward: NonNullable<Parameters<typeof handled>[0]['forward']>) {
    const tries = createEarlierTries(new FakeClock());
    const first = await handled({ head: POST, tries, forward });
    const second = await handled({ head: POST, tries, use: refuseUse('GrantRequired') });
    return { first, second };
  }

  it.each([503, 500, 429, 408])('has the status %i of the service, and says so', async (status) => {
    const { first, second } = await triedTwice((_, options) => {
      options.onDispatched?.();
      return anAnswer(status, 'overloaded');
    });
    expect(first.client.status).toBe(status);
    expect(second.client.status).toBe(status);
    const { code, detail, manifest } = JSON.parse(second.client.body);
    expect(code).toBe('GrantRequired');
    expect(detail).toContain(`was answered ${status} by the service; its grant quarantine-1 is`);
    expect(manifest).toContain('kind: ActionGrant');
    expect(second.client.headers).toContainEqual(['x-should-retry', 'false']);
    expect(second.client.headers.map(([name]) => name)).not.toContain('retry-after');
    expect(second.client.reason).toContain(`was answered ${status} by the service`);
  });

  it('after a success says that the first succeeded', async () => {
    const { second } = await triedTwice((_, options) => {
      options.onDispatched?.();
      return anAnswer(200);
    });
    expect(second.client.status).toBe(403);
    expect(JSON.parse(second.client.body).detail).toContain('succeeded: it was answered 200');
  });

  it.each([
    [true, 502, 'no answer came (UpstreamUnreachable'],
    [false, 502, 'never reached the service (UpstreamUnreachable'],
  ])('after a failure (sent: %s) says what is known', async (dispatched, status, text) => {
    const { second } = await triedTwice(failing(dispatched));
    expect(second.client.status).toBe(status);
    expect(JSON.parse(second.client.body).detail).toContain(text);
  });
});

it("MCP's initialize is refused before a grant is asked for, as a JSON-RPC error", async () => {
  const body =
    '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}';
  const { uses, client } = await handled({
    head: aHead({
      method: 'POST',
      target: '/mcp',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'content-length': String(body.length),
      },
    }),
    body,
  });
  expect(uses).toEqual([]);
  expect(client.status).toBe(501);
  expect(JSON.parse(client.body)).toMatchObject({
    jsonrpc: '2.0',
    id: null,
    code: 'MCPNotSupported',
    error: { message: expect.stringContaining('initialize of the Model Context Protocol') },
  });
});
