/** Services that are broken, hostile or not what they seem, called through a real sidecar with grants. */

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_ATTEMPTS } from '../../core/api/names.ts';
import { type AgentStage, shareAgentStage } from '../support/agent-stage.ts';
import { call, type Protocol, startCall } from '../support/agent-stream.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { eventually } from '../support/eventually.ts';
import { readGrant, untilPhase } from '../support/grants.ts';
import { secretsInLogs } from '../support/log-secrets.ts';
import { createAuthority } from '../support/pki.ts';
import { freePort } from '../support/ports.ts';
import type { SidecarProcess } from '../support/product.ts';
import { type ScriptedService, startScriptedService } from '../support/scripted-service.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { upstreamCA } from '../unit/sidecar/forward/upstreams.ts';

const PROTOCOLS: readonly Protocol[] = ['h1', 'h2'];

let stage: AgentStage;
let sidecar: SidecarProcess;
/** By name; what is in here must never see a request. */
let impostors: Record<'foreign' | 'expired' | 'misnamed' | 'disguised', Upstream>;
let services: Record<Protocol, ScriptedService>;
/** A service that is not up yet. */
let late: Balancer;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  stage = await shareAgentStage();
  cleanups.push(() => stage.stop());
  const { plane } = stage;
  const authority = await createAuthority('test upstreams');
  const start = async (
    options: Partial<Parameters<typeof startUpstream>[0]>,
    ...names: string[]
  ) => {
    const upstream = await startUpstream({ plane, names, authority, review: false, ...options });
    cleanups.push(() => upstream.close());
    return upstream;
  };
  impostors = {
    foreign: await start(
      { authority: await createAuthority('nobody knows') },
      'foreign.example.com',
    ),
    expired: await start({ notAfter: new Date(Date.now() - 1_000) }, 'expired.example.com'),
    misnamed: await start({}, 'somebody-else.example.com'),
    disguised: await start({}, 'disguised.example.com', 'kubernetes.default.svc'),
  };
  services = {
    h1: await startScriptedService('h1', 'h1.example.com', 'late.example.com'),
    h2: await startScriptedService('h2', 'h2.example.com'),
  };
  late = await startBalancer();
  const deaf = createServer((socket) => socket.end('SSH-2.0-not_tls\r\n'));
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const deafAddress = deaf.address() as { port: number };
  cleanups.push(
    () => services.h1.close(),
    () => services.h2.close(),
    () => late.close(),
    async () => deaf.close(),
  );
  const ports: Readonly<Record<string, number>> = {
    h1: services.h1.port,
    h2: services.h2.port,
    late: late.port,
    deaf: deafAddress.port,
    closed: await freePort(),
    'api-server': Number(new URL(plane.url).port),
    ...Object.fromEntries(Object.entries(impostors).map(([name, { port }]) => [name, port])),
  };
  sidecar = await stage.startSidecar({
    connectTo: new Map(
      Object.entries(ports).map(([name, port]) => [`${name}.example.com:443`, `127.0.0.1:${port}`]),
    ),
    // Several CAs in one file, as operators have them.
    trustBundle: `${authority.certificate}\n${await upstreamCA()}`,
  });
}, 120_000);

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
}, 60_000);

let count = 0;

/** A path of the test's own on one of the services, and what it does there. */
function at(protocol: Protocol, script: Parameters<ScriptedService['on']>[1]) {
  const path = `/v1/case-${count++}`;
  services[protocol].on(path, script);
  return { path, url: `https://${protocol}.example.com${path}` };
}

describe('what cannot be called', () => {
  test.each([
    { host: 'foreign.example.com', why: 'a CA nobody trusts', code: 'UpstreamCertificateRefused' },
    { host: 'expired.example.com', why: 'it has expired', code: 'UpstreamCertificateRefused' },
    { host: 'misnamed.example.com', why: 'another name', code: 'UpstreamCertificateRefused' },
    { host: 'disguised.example.com', why: 'it is the API server’s', code: 'UpstreamNameRefused' },
    { host: 'api-server.example.com', why: 'the API server', code: 'UpstreamCertificateRefused' },
    { host: 'closed.example.com', why: 'nobody listens', code: 'UpstreamUnreachable' },
    { host: 'deaf.example.com', why: 'no TLS', code: 'UpstreamProtocolError' },
    { host: 'nowhere.invalid', why: 'no such name', code: 'UpstreamUnresolved' },
    { host: 'localhost', why: 'this pod itself', code: 'UpstreamNameRefused' },
  ])(
    'gives the grant back: $host ($why) is $code',
    async ({ host, code }) => {
      const url = `https://${host}/v1/hosts/7`;
      // A resolver whose servers do not answer takes its time to say that there is no such name.
      const grant = await stage.grant({ method: 'DELETE', url }, { timeoutSeconds: 120 });
      const answer = await call(sidecar, 'h1', { method: 'DELETE', url });
      expect(answer.problem.code).toBe(code);
      expect(answer.status).toBe(code === 'UpstreamNameRefused' ? 403 : 502);
      const { status } = await stage.ended(grant);
      expect(status).toMatchObject({ phase: 'Approved' });
      expect(status?.uses).toEqual([
        expect.objectContaining({
          outcome: 'NotDispatched',
          credential: expect.objectContaining({ deletedTime: expect.any(String) }),
        }),
      ]);
      // The next attempt gets a token that the revocation of this one does not touch.
      expect(status?.credential?.secretName).toMatch(new RegExp(`^ag-${grant.metadata.uid}-1`));
      expect(Object.values(impostors).flatMap(({ requests }) => requests)).toEqual([]);
    },
    180_000,
  );

  test('finishes a grant after as many attempts as a grant has', async () => {
    const url = 'https://foreign.example.com/v1/hosts/8';
    const grant = await stage.grant({ method: 'DELETE', url });
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { problem } = await call(sidecar, 'h1', { method: 'DELETE', url });
      expect(problem.code).toBe('UpstreamCertificateRefused');
      await stage.ended(grant, attempt);
    }
    const { status } = await readGrant(stage.plane, grant);
    expect(status).toMatchObject({ phase: 'Finished', outcome: 'NotDispatched' });
    expect(status?.uses?.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: MAX_ATTEMPTS }, () => 'NotDispatched'),
    );
    const { problem } = await call(sidecar, 'h1', { method: 'DELETE', url });
    expect(problem.code).toBe('GrantRequired');
  });

  test('can be called with the same grant once it is there', async () => {
    const url = 'https://late.example.com/v1/late';
    services.h1.on('/v1/late', (_request, response) => void response.end('there'));
    const grant = await stage.grant({ url });
    expect((await call(sidecar, 'h2', { url })).problem.code).toBe('UpstreamUnreachable');
    await untilPhase(stage.plane, await stage.ended(grant), 'Approved');
    late.setBackends([services.h1.port]);
    expect(await call(sidecar, 'h2', { url })).toMatchObject({ status: 200, text: 'there' });
    const { status } = await stage.ended(grant, 2);
    expect(status).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
    const ids = status?.uses?.map(({ credential }) => credential?.id);
    expect(new Set(ids).size).toBe(2);
  });

  test.each([
    'http://127.0.0.1/',
    'http://localhost:8080/metrics',
    'http://0.0.0.0/',
    'http://[::1]/',
    'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
  ])('has an address that is never a service: %s', async (url) => {
    const grant = await stage.grant({ url });
    const { status, problem } = await call(sidecar, 'h1', { url });
    expect({ status, code: problem.code }).toEqual({ status: 403, code: 'UpstreamNameRefused' });
    expect((await stage.ended(grant)).status?.uses).toMatchObject([{ outcome: 'NotDispatched' }]);
  });

  test.each(PROTOCOLS)('has another name in TLS or Host than in CONNECT (%s)', async (protocol) => {
    const { url, path } = at('h1', (_request, response) => void response.end());
    const grant = await stage.grant({ url });
    const host = 'h2.example.com';
    const header: Record<string, string> = protocol === 'h1' ? { host } : { ':authority': host };
    for (const request of [
      { url, headers: header },
      { url, serverName: host },
      { url: `https://${host}${path}`, serverName: 'h1.example.com' },
    ]) {
      const { status, problem } = await call(sidecar, protocol, request);
      expect({ status, code: problem.code }).toEqual({ status: 421, code: 'AuthorityMismatch' });
    }
    const { status } = await readGrant(stage.plane, grant);
    expect(status).toMatchObject({ phase: 'Approved' });
    expect(status).not.toHaveProperty('uses');
    expect([...services.h1.seen, ...services.h2.seen]).not.toContain(`GET ${path}`);
  });
});

describe('a service that sends the token back', () => {
  type Echo = (response: ServerResponse, token: string) => unknown;
  const WAYS: Readonly<Record<string, Echo>> = {
    'in a header': (response, token) =>
      response.writeHead(200, { 'x-echo': `you sent ${token}` }).end('fine'),
    'in its body': (response, token) => response.end(`{"headers": "Bearer ${token}"}`),
    'in an error page': (response, token) =>
      response.writeHead(500, { 'content-type': 'text/html' }).end(`<pre>${token}</pre>`),
    'in base64': (response, token) =>
      response.end(Buffer.from(`Bearer ${token}`).toString('base64')),
    'byte by byte': async (response, token) => {
      response.writeHead(200);
      for (const byte of `token: ${token}!`) {
        if (!response.write(byte)) await once(response, 'drain');
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    },
    'in two events': async (response, token) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: hello\n\ndata: ${token.slice(0, -40)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      response.end(`${token.slice(-40)}\n\n`);
    },
  };
  const CASES = Object.keys(WAYS).flatMap((way) =>
    PROTOCOLS.map((protocol) => ({ way, protocol })),
  );

  test.each(CASES)('$way ($protocol) is cut before it reaches the agent', async (how) => {
    const { way, protocol } = how;
    let token = '';
    const { url } = at(protocol, (request, response) => {
      token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      return WAYS[way]?.(response, token) as Promise<void>;
    });
    const grant = await stage.grant({ url });
    const received = await everythingReceived(protocol, url);
    expect(token.split('.')).toHaveLength(3);
    // What could be used: not even most of the signature came through.
    expect(received.text).not.toContain(token.slice(-60, -20));
    expect(received.text).not.toContain(Buffer.from(token).toString('base64').slice(-60, -20));
    // Either nothing had been passed on yet, and the agent is told why; or the response is cut.
    if (received.complete) expect(received.text).toContain('CredentialEchoed');
    // The service has acted: it is never given back.
    const { status } = await stage.ended(grant);
    expect(status?.phase).toBe('Finished');
    expect(status?.outcome).not.toBe('NotDispatched');
    expect(await sidecar.metrics()).toMatch(
      /actiongrant_sidecar_refusals_total\{code="CredentialEchoed"\} [1-9]/,
    );
  });

  test('hidden in an encoding that is not looked into is refused unread', async () => {
    const { url } = at('h1', (request, response) => {
      expect(request.headers['accept-encoding']).toBe('identity');
      response.writeHead(200, { 'content-encoding': 'br' }).end('anything');
    });
    await stage.grant({ url });
    const answer = await call(sidecar, 'h1', { url, headers: { 'accept-encoding': 'gzip' } });
    expect(answer).toMatchObject({ status: 502, problem: { code: 'UpstreamEncodedResponse' } });
  });

  test('gives no session that would outlive the call', async () => {
    const { url } = at('h1', (_request, response) => {
      const session = { 'set-cookie': 'session=1', 'mcp-session-id': '1', 'x-auth-token': '1' };
      response.writeHead(200, { ...session, etag: '"1"' }).end();
    });
    await stage.grant({ url });
    const { headers } = await call(sidecar, 'h1', { url });
    expect(headers).toHaveProperty('etag');
    for (const name of ['set-cookie', 'mcp-session-id', 'x-auth-token']) {
      expect(headers).not.toHaveProperty(name);
    }
  });
});

test.each(PROTOCOLS)(
  'a service over %s that hangs up without an answer leaves the outcome unknown, and is not asked again',
  async (protocol) => {
    const { url, path } = at(protocol, (request) => void request.socket.destroy());
    const grant = await stage.grant({ url });
    const { status, problem } = await call(sidecar, 'h1', { url });
    expect({ status, code: problem.code }).toEqual({ status: 502, code: 'UpstreamProtocolError' });
    expect((await stage.ended(grant)).status).toMatchObject({
      phase: 'Finished',
      outcome: 'Unknown',
    });
    expect(services[protocol].seen.filter((line) => line === `GET ${path}`)).toHaveLength(1);
  },
);

test('every use with a credential has a connection of its own, closed after', async () => {
  const { url } = at('h1', (_request, response) => void response.end());
  const before = services.h1.connections;
  for (let uses = 1; uses <= 3; uses++) {
    await stage.grant({ url });
    expect((await call(sidecar, 'h1', { url })).status).toBe(200);
    expect(services.h1.connections).toBe(before + uses);
  }
  await eventually(() => expect(services.h1.open).toBe(0));
});

test('no token is in a log of any process', async () => {
  const tokens = [...services.h1.tokens, ...services.h2.tokens];
  expect(tokens.length).toBeGreaterThan(10);
  expect(await secretsInLogs(stage.product, [...tokens, sidecar.pod.token])).toEqual([]);
});

/** Everything that an agent gets to see of a response, and whether it could take it for whole. */
async function everythingReceived(
  protocol: Protocol,
  url: string,
): Promise<{ text: string; complete: boolean }> {
  const agent = await startCall(sidecar, protocol, { url });
  agent.request.end();
  const { headers, body } = await agent.response;
  let text = JSON.stringify(headers);
  try {
    for await (const chunk of body) text += (chunk as Buffer).toString('latin1');
    return { text, complete: true };
  } catch {
    return { text, complete: false };
  }
}
