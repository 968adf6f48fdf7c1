/** Calls of ordinary clients through a real sidecar to real services, with the grants they need. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BODY_LIMIT_BYTES } from '../../core/api/names.ts';
import { type AgentStage, shareAgentStage } from '../support/agent-stage.ts';
import { call, type Protocol, readAll, startCall } from '../support/agent-stream.ts';
import { eventually } from '../support/eventually.ts';
import { readGrant, untilPhase } from '../support/grants.ts';
import { secretsInLogs } from '../support/log-secrets.ts';
import type { SidecarProcess } from '../support/product.ts';
import { type ScriptedService, startScriptedService } from '../support/scripted-service.ts';
import { upstreamCA } from '../unit/sidecar/forward/upstreams.ts';

const PROTOCOLS: readonly Protocol[] = ['h1', 'h2'];
const PAIRS = PROTOCOLS.flatMap((client) => PROTOCOLS.map((service) => ({ client, service })));
const MEBIBYTE = 1024 * 1024;
/** More than the sockets, the parsers and the sidecar may hold between them. */
const LARGE = 48 * MEBIBYTE;
const HELD_AT_MOST = 24 * MEBIBYTE;
const PASSWORD = `Winter-${randomBytes(8).toString('hex')}`;

let stage: AgentStage;
let sidecar: SidecarProcess;
let services: Record<Protocol, ScriptedService>;
let plain: ScriptedService;

beforeAll(async () => {
  stage = await shareAgentStage();
  services = {
    h1: await startScriptedService('h1', 'h1.example.com'),
    h2: await startScriptedService('h2', 'h2.example.com'),
  };
  plain = await startScriptedService('plain');
  sidecar = await stage.startSidecar({
    connectTo: new Map([
      ['h1.example.com:443', `127.0.0.1:${services.h1.port}`],
      ['h2.example.com:443', `127.0.0.1:${services.h2.port}`],
      ['plain.example.com:80', `127.0.0.1:${plain.port}`],
    ]),
    trustBundle: await upstreamCA(),
  });
}, 120_000);

afterAll(async () => {
  await Promise.all([services?.h1, services?.h2, plain].map((service) => service?.close()));
  await stage?.stop();
}, 60_000);

let count = 0;

/** A path of the test's own on one of the services, and what it does there. */
function at(
  protocol: Protocol,
  script: Parameters<ScriptedService['on']>[1],
): { path: string; url: string } {
  const path = `/v1/case-${count++}`;
  services[protocol].on(path, script);
  return { path, url: `https://${protocol}.example.com${path}` };
}

/** A path that keeps what it is sent and says so. */
function keeping(protocol: Protocol) {
  const kept: { headers: IncomingMessage['headers']; body: Buffer }[] = [];
  const where = at(protocol, async (request, response) => {
    kept.push({ headers: request.headers, body: await readAll(request) });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
  });
  return { ...where, kept };
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a body', () => {
  const json = '{"reason": "beaconing", "hosts": [7, 1], "note": "é"}';
  const spelled = '{\n  "note" : "\\u00e9", "hosts":[7,1e0],\t"reason":"beaconing"}\n';
  const canonical = '{"hosts":[7,1],"note":"é","reason":"beaconing"}';

  test.each(PAIRS)(
    'of JSON reaches a service over $service in its canonical bytes, however a client over $client spells it',
    async ({ client, service }) => {
      const { url, kept } = keeping(service);
      const grant = await stage.grant({ method: 'POST', url, body: { type: 'JSON', json } });
      const headers = { 'content-type': 'application/json' };
      const answer = await call(sidecar, client, { method: 'POST', url, headers }, spelled);
      expect(answer).toMatchObject({ status: 200, text: '{"done":true}' });
      expect(kept.map(({ body }) => body.toString('utf8'))).toEqual([canonical]);
      expect(kept[0]?.headers).toMatchObject({
        'content-type': 'application/json',
        'content-length': `${Buffer.byteLength(canonical)}`,
      });
      const { status } = await stage.ended(grant);
      expect(status).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
      expect(status?.uses?.[0]).toMatchObject({ responseCode: 200, podUID: sidecar.pod.podUid });
    },
  );

  test.each([
    { what: 'bytes that are no text', type: 'application/octet-stream', body: randomBytes(999) },
    { what: 'JSON in a spelling of its own', type: 'application/json', body: Buffer.from(spelled) },
    { what: 'JSON with a key twice', type: 'application/json', body: Buffer.from('{"a":1,"a":2}') },
    {
      what: 'compressed JSON',
      type: 'application/json',
      encoding: 'gzip',
      body: gzipSync(spelled),
    },
  ])('granted by its SHA-256 is sent byte for byte: $what', async ({ type, encoding, body }) => {
    const { url, kept } = keeping('h1');
    await stage.grant({ method: 'PUT', url, body: { type: 'SHA256', sha256: sha256(body) } });
    const coding = encoding === undefined ? {} : { 'content-encoding': encoding };
    const request = { method: 'PUT', url, headers: { 'content-type': type, ...coding } };
    expect((await call(sidecar, 'h2', request, body)).status).toBe(200);
    expect(kept[0]?.body.equals(body)).toBe(true);
    expect(kept[0]?.headers).toMatchObject(coding);
  });

  test.each(PROTOCOLS)(
    'in parts is covered over %s by the manifest of its refusal, though its boundary is another one each time',
    async (client) => {
      const { url, kept } = keeping('h1');
      const upload = (boundary: string) =>
        call(
          sidecar,
          client,
          {
            method: 'POST',
            url,
            headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
          },
          `--${boundary}\r\nContent-Disposition: form-data; name="f"\r\n\r\nhello\r\n--${boundary}--\r\n`,
        );
      const { problem } = await upload('one');
      const [, digest = ''] = /sha256: "([0-9a-f]{64})"/.exec(problem.manifest ?? '') ?? [];
      await stage.grant({ method: 'POST', url, body: { type: 'SHA256', sha256: digest } });
      expect((await upload('another')).status).toBe(200);
      const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = kept;
      const [, boundary = ''] = /boundary=(\S+)$/.exec(headers['content-type'] ?? '') ?? [];
      expect(sha256(body)).toBe(digest);
      expect(body.toString()).toBe(
        `--${boundary}\r\nContent-Disposition: form-data; name="f"\r\n\r\nhello\r\n--${boundary}--\r\n`,
      );
    },
  );

  test('of exactly the limit is compared; one byte more is not read, and only Any covers it', async () => {
    const { url, kept } = keeping('h1');
    const whole = randomBytes(BODY_LIMIT_BYTES);
    const more = Buffer.concat([whole, Buffer.of(0)]);
    for (const body of [whole, more]) {
      await stage.grant({ method: 'POST', url, body: { type: 'SHA256', sha256: sha256(body) } });
    }
    const headers = { 'content-type': 'application/octet-stream' };
    const request = { method: 'POST', url, headers };
    expect((await call(sidecar, 'h1', request, whole)).status).toBe(200);
    const refused = await call(sidecar, 'h1', request, more);
    expect(refused).toMatchObject({ status: 403, problem: { code: 'GrantRequired' } });
    expect(refused.problem.manifest).toContain('type: Any');
    await stage.grant({ method: 'POST', url, body: { type: 'Any' } });
    expect((await call(sidecar, 'h1', request, more)).status).toBe(200);
    expect(kept.map(({ body }) => sha256(body))).toEqual([sha256(whole), sha256(more)]);
  });

  test.each(PAIRS)(
    'larger than memory should be is streamed from $client to $service, no faster than the service reads',
    async ({ client, service }) => {
      const reading = Promise.withResolvers<void>();
      const digest = createHash('sha256');
      const { url } = at(service, async (request, response) => {
        await reading.promise;
        for await (const chunk of request) digest.update(chunk as Buffer);
        response.writeHead(200).end(digest.digest('hex'));
      });
      await stage.grant({ method: 'POST', url, body: { type: 'Any' } });
      const headers = { 'content-type': 'application/octet-stream' };
      const agent = await startCall(sidecar, client, { method: 'POST', url, headers });
      const chunk = randomBytes(MEBIBYTE);
      const expected = createHash('sha256');
      let written = 0;
      const writing = (async () => {
        while (written < LARGE) {
          written += MEBIBYTE;
          expected.update(chunk);
          if (!agent.request.write(chunk)) await once(agent.request, 'drain');
        }
        agent.request.end();
      })();
      await untilStill(() => written);
      expect(written).toBeLessThan(HELD_AT_MOST);
      reading.resolve();
      await writing;
      const { status, body } = await agent.response;
      expect(status).toBe(200);
      expect((await readAll(body)).toString()).toBe(expected.digest('hex'));
    },
  );

  test('that its client breaks off consumes nothing', async () => {
    const { url, path } = keeping('h1');
    const body = { type: 'SHA256', sha256: sha256('all of it') } as const;
    const grant = await stage.grant({ method: 'POST', url, body });
    const headers = { 'content-type': 'text/plain', 'content-length': '9' };
    const agent = await startCall(sidecar, 'h1', { method: 'POST', url, headers });
    agent.response.catch(() => {});
    agent.request.write('all of');
    await sleep(100);
    agent.abandon();
    expect((await call(sidecar, 'h1', { method: 'POST', url, headers }, 'all of it')).status).toBe(
      200,
    );
    expect(services.h1.seen.filter((line) => line === `POST ${path}`)).toHaveLength(1);
    expect((await stage.ended(grant)).status?.uses).toHaveLength(1);
  });
});

describe('a response', () => {
  test.each(PAIRS)(
    'of events passes one by one from $service to $client',
    async ({ client, service }) => {
      const next = Promise.withResolvers<void>();
      const { url } = at(service, async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        await next.promise;
        response.end('data: 2\n\n');
      });
      await stage.grant({ url });
      const agent = await startCall(sidecar, client, { url });
      agent.request.end();
      const { body, headers } = await agent.response;
      expect(headers['content-type']).toBe('text/event-stream');
      // The service sends the second event only once the first has come through.
      const [first] = await once(body, 'data');
      expect(String(first)).toBe('data: 1\n\n');
      next.resolve();
      expect((await readAll(body)).toString()).toBe('data: 2\n\n');
    },
  );

  test.each(PAIRS)(
    'larger than memory should be is streamed from $service to $client, no faster than the client reads',
    async ({ client, service }) => {
      const chunk = randomBytes(MEBIBYTE);
      let written = 0;
      const { url } = at(service, async (_request, response) => {
        response.writeHead(200, { 'content-length': String(LARGE) });
        while (written < LARGE) {
          written += MEBIBYTE;
          if (!response.write(chunk)) await once(response, 'drain');
        }
        response.end();
      });
      await stage.grant({ url });
      const agent = await startCall(sidecar, client, { url });
      agent.request.end();
      const { body } = await agent.response;
      await untilStill(() => written);
      expect(written).toBeLessThan(HELD_AT_MOST);
      let read = 0;
      for await (const part of body) read += (part as Buffer).length;
      expect(read).toBe(LARGE);
    },
  );

  test.each([
    { code: 200, outcome: 'Succeeded' },
    { code: 204, outcome: 'Succeeded' },
    { code: 404, outcome: 'Failed' },
    { code: 500, outcome: 'Failed' },
  ])('of $code is passed on and recorded as $outcome', async ({ code, outcome }) => {
    const { url } = at('h1', (_request, response) => {
      response
        .writeHead(code, { 'x-request-id': 'because' })
        .end(code === 204 ? undefined : 'words');
    });
    const grant = await stage.grant({ method: 'DELETE', url });
    const answer = await call(sidecar, 'h1', { method: 'DELETE', url });
    expect(answer).toMatchObject({ status: code, text: code === 204 ? '' : 'words' });
    expect(answer.headers['x-request-id']).toBe('because');
    const { status } = await stage.ended(grant);
    expect(status).toMatchObject({ phase: 'Finished', outcome });
    expect(status?.uses?.[0]).toMatchObject({ outcome, responseCode: code });
  });

  test('that redirects is passed on and not followed: the next hop is another action', async () => {
    const elsewhere = keeping('h2');
    const { url } = at('h1', (_request, response) => {
      response.writeHead(307, { location: elsewhere.url }).end();
    });
    const grant = await stage.grant({ method: 'DELETE', url });
    const answer = await call(sidecar, 'h1', { method: 'DELETE', url });
    expect(answer.status).toBe(307);
    expect(answer.headers['location']).toBe(elsewhere.url);
    expect(elsewhere.kept).toEqual([]);
    expect((await stage.ended(grant)).status?.uses?.[0]).toMatchObject({ responseCode: 307 });
    const next = await call(sidecar, 'h1', { method: 'DELETE', url: elsewhere.url });
    expect(next.problem.code).toBe('GrantRequired');
  });

  test.each(PROTOCOLS)(
    'that a client over %s gives up is cut at the service too, and stays a success',
    async (client) => {
      const gone = Promise.withResolvers<void>();
      const { url } = at('h1', (_request, response) => {
        response.once('close', () => gone.resolve());
        response.writeHead(200).write('the first part');
      });
      const grant = await stage.grant({ url });
      const agent = await startCall(sidecar, client, { url });
      agent.request.end();
      const { body } = await agent.response;
      body.on('error', () => {});
      await once(body, 'data');
      agent.abandon();
      await gone.promise;
      // The service has answered: how much of it the agent read is no part of the outcome.
      expect((await stage.ended(grant)).status).toMatchObject({ outcome: 'Succeeded' });
    },
  );

  test.each(PROTOCOLS)(
    'that a client over %s does not wait for leaves the outcome unknown',
    async (client) => {
      const come = Promise.withResolvers<void>();
      const { url } = at('h1', () => come.resolve());
      const grant = await stage.grant({ url });
      const agent = await startCall(sidecar, client, { url });
      agent.response.catch(() => {});
      agent.request.end();
      await come.promise;
      agent.abandon();
      const { status } = await stage.ended(grant);
      expect(status).toMatchObject({ phase: 'Finished', outcome: 'Unknown' });
    },
  );
});

// At the same time: each of them waits for the deadline.
describe.concurrent('the deadline', () => {
  /** A call is at its service by then, also on a busy machine; that it ends at all is the deadline's doing. */
  const timeoutSeconds = 5;

  test.each(PROTOCOLS)('cuts a service that does not answer (client over %s)', async (client) => {
    const gone = Promise.withResolvers<void>();
    let token = '';
    const { url } = at('h1', (request, response) => {
      token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      response.once('close', () => gone.resolve());
    });
    const grant = await stage.grant({ url }, { timeoutSeconds });
    const answer = await call(sidecar, client, { url });
    expect(answer).toMatchObject({ status: 504, problem: { code: 'DeadlineExceeded' } });
    await gone.promise;
    const { status } = await stage.ended(grant);
    expect(status).toMatchObject({ phase: 'Finished', outcome: 'Unknown' });
    expect(status?.uses?.[0]).not.toHaveProperty('responseCode');
    expect(token).not.toBe('');
    // What the API server's cache of Secrets had not heard of yet may be accepted for 10 s more.
    await eventually(
      async () => {
        const review = await stage.plane.api<{ metadata: never; status: object }>(
          'POST',
          '/apis/authentication.k8s.io/v1/tokenreviews',
          { spec: { token, audiences: ['https://h1.example.com'] } },
        );
        expect(review.status).not.toHaveProperty('authenticated', true);
      },
      { withinMilliseconds: 30_000, everyMilliseconds: 100 },
    );
  });

  test.each(PAIRS)(
    'cuts a response from $service under way so that $client cannot take it for whole',
    async ({ client, service }) => {
      const { url } = at(service, (_request, response) => {
        response.writeHead(200).write('the first part');
      });
      const grant = await stage.grant({ url }, { timeoutSeconds });
      await expect(call(sidecar, client, { url })).rejects.toThrow();
      const { status } = await stage.ended(grant);
      expect(status).toMatchObject({ outcome: 'Unknown', uses: [{ responseCode: 200 }] });
      expect(status?.conditions?.find(({ type }) => type === 'Finished')?.message).toContain(
        'cut its answer at spec.timeoutSeconds',
      );
    },
  );

  test('cuts an upload under way', async () => {
    const { url } = at('h1', (request) => void request.resume());
    const grant = await stage.grant(
      { method: 'POST', url, body: { type: 'Any' } },
      { timeoutSeconds },
    );
    const headers = { 'content-type': 'application/octet-stream' };
    const agent = await startCall(sidecar, 'h1', { method: 'POST', url, headers });
    agent.request.write(randomBytes(BODY_LIMIT_BYTES + 1));
    const { status, body } = await agent.response;
    expect(status).toBe(504);
    expect((await readAll(body)).toString()).toContain('DeadlineExceeded');
    expect((await stage.ended(grant)).status).toMatchObject({ outcome: 'Unknown' });
  });
});

test.each(PAIRS)(
  'a path with encoded slashes reaches a service over $service as a client over $client wrote it, and is no other',
  async ({ client, service }) => {
    const path = `/v1/@scope%2fname/%2F%40%3A%20%25/case-${count++}`;
    services[service].on(path, (request, response) => void response.end(request.url));
    const url = `https://${service}.example.com${path}`;
    await stage.grant({ url: url.replace('%2f', '/') });
    await stage.grant({ url: url.replace('%2f', '%2F') });
    const refused = await call(sidecar, client, { url });
    expect(refused).toMatchObject({ status: 403, problem: { code: 'GrantRequired' } });
    expect(refused.problem.manifest).toContain(`url: "${url}"`);
    await stage.grant({ url });
    expect(await call(sidecar, client, { url })).toMatchObject({ status: 200, text: path });
  },
);

describe('a header', () => {
  const own = {
    authorization: 'Bearer of-the-agent',
    cookie: 'session=of-the-agent',
    'proxy-authorization': 'Basic b2YtdGhlLWFnZW50',
  };

  test.each(PAIRS)(
    'with a credential of the agent stays behind, and the minted one is added ($client to $service)',
    async ({ client, service }) => {
      const { url, kept } = keeping(service);
      await stage.grant({ url });
      const headers = { ...own, 'user-agent': 'agent/1', accept: 'application/json' };
      expect((await call(sidecar, client, { url, headers })).status).toBe(200);
      const seen = kept[0]?.headers ?? {};
      expect(seen).toMatchObject({ 'user-agent': 'agent/1', accept: 'application/json' });
      expect(seen.authorization).toMatch(/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
      expect(JSON.stringify(seen)).not.toContain('of-the-agent');
      expect(seen).not.toHaveProperty('cookie');
      expect(seen).not.toHaveProperty('proxy-authorization');
    },
  );

  test('that could have an effect needs a grant that lists it', async () => {
    const { url, kept } = keeping('h1');
    await stage.grant({ method: 'DELETE', url });
    const headers = { 'x-dry-run': 'true', 'if-match': '"7"' };
    const refused = await call(sidecar, 'h1', { method: 'DELETE', url, headers });
    expect(refused).toMatchObject({ status: 403, problem: { code: 'GrantRequired' } });
    expect(refused.problem.manifest).toContain('"x-dry-run": "true"');
    expect(kept).toEqual([]);
    await stage.grant({ method: 'DELETE', url, headers });
    expect((await call(sidecar, 'h1', { method: 'DELETE', url, headers })).status).toBe(200);
    expect(kept[0]?.headers).toMatchObject(headers);
  });

  test('that the chart made inert passes without being listed', async () => {
    const { url, kept } = keeping('h1');
    const other = await stage.startSidecar({
      connectTo: new Map([['h1.example.com:443', `127.0.0.1:${services.h1.port}`]]),
      trustBundle: await upstreamCA(),
      environment: { ACTIONGRANT_INERT_HEADERS: 'x-team' },
    });
    await stage.grant({ url });
    expect((await call(other, 'h1', { url, headers: { 'x-team': 'soc' } })).status).toBe(200);
    expect(kept[0]?.headers).toMatchObject({ 'x-team': 'soc' });
  });
});

describe('a grant without a credential', () => {
  test('lets one call through over plain HTTP, and nothing of the agent’s own', async () => {
    const got: IncomingMessage['headers'][] = [];
    plain.on('/status', (request, response) => {
      got.push(request.headers);
      response.end('fine');
    });
    const url = 'http://plain.example.com/status';
    expect((await call(sidecar, 'h1', { url })).problem.code).toBe('GrantRequired');
    const grant = await stage.grant({ url });
    const headers = { authorization: 'Bearer of-the-agent' };
    expect(await call(sidecar, 'h1', { url, headers })).toMatchObject({
      status: 200,
      text: 'fine',
    });
    expect(got).toHaveLength(1);
    expect(got[0]).not.toHaveProperty('authorization');
    const { status } = await stage.ended(grant);
    expect(status).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
    expect(status?.uses?.[0]).not.toHaveProperty('credential');
    expect((await call(sidecar, 'h1', { url })).problem.code).toBe('GrantRequired');
  });

  test.each(PROTOCOLS)('lets one call through over HTTPS to %s', async (service) => {
    const { url, kept } = keeping(service);
    await stage.grantWithoutCredential({ url });
    expect((await call(sidecar, 'h2', { url })).status).toBe(200);
    expect(kept[0]?.headers).not.toHaveProperty('authorization');
    expect((await call(sidecar, 'h2', { url })).problem.code).toBe('GrantRequired');
  });
});

describe('a refusal', () => {
  test('has a manifest that needs only an account and a reason to let the call through', async () => {
    const { url, kept } = keeping('h1');
    const request = {
      method: 'POST',
      url: `${url}?dry=false&q=%22a%22`,
      headers: { 'content-type': 'application/json; charset=utf-8', 'x-tenant': 'red: "blue"' },
    };
    services.h1.on(
      new URL(request.url).pathname + new URL(request.url).search,
      (incoming, response) => {
        kept.push({ headers: incoming.headers, body: Buffer.alloc(0) });
        response.end();
      },
    );
    const body = JSON.stringify({ reason: 'Ünï\u2028\u{1f512}: {"a": 1}\n---\n', n: 1 });
    const { problem } = await call(sidecar, 'h1', request, body);
    expect(problem.code).toBe('GrantRequired');
    const manifest = (problem.manifest ?? '')
      .replace('"REPLACE-ME"', 'edr-quarantine')
      .replace('REPLACE-ME: why the agent should do this', 'the test says so');
    expect(manifest).not.toContain('REPLACE-ME');
    const created = await stage.plane.kubectl(['create', '-f', '-', '-o', 'name'], {
      input: manifest,
    });
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const waited = await stage.plane.kubectl([
      '-n',
      stage.namespace,
      'wait',
      '--for=condition=Ready',
      created.stdout.trim(),
      '--timeout=20s',
    ]);
    expect(waited.code).toBe(0);
    expect((await call(sidecar, 'h1', request, body)).status).toBe(200);
    expect(kept).toHaveLength(1);
  });

  test('never shows a password, and neither does a log', async () => {
    const { url } = keeping('h1');
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ password: PASSWORD });
    const refused = await call(sidecar, 'h1', { method: 'PUT', url, headers }, body);
    expect(refused.problem.code).toBe('GrantRequired');
    expect(refused.text).not.toContain(PASSWORD);
    expect(refused.problem.manifest).toContain(sha256(body));
  });

  test("shows no key of the agent's, and its manifest lets the call with the key through", async () => {
    const { url, kept } = keeping('h1');
    const { pathname } = new URL(url);
    services.h1.on(`${pathname}?key=${PASSWORD}`, (incoming, response) => {
      kept.push({ headers: incoming.headers, body: Buffer.alloc(0) });
      response.end();
    });
    const request = { url: `${url}?key=${PASSWORD}`, headers: { 'x-api-key': PASSWORD } };
    const { problem, text } = await call(sidecar, 'h1', request);
    expect(problem.code).toBe('GrantRequired');
    expect(text).not.toContain(PASSWORD);
    const manifest = (problem.manifest ?? '')
      .replace('"REPLACE-ME"', 'edr-quarantine')
      .replace('REPLACE-ME: why the agent should do this', 'the test says so');
    const create = (input: string) =>
      stage.plane.kubectl(['create', '-f', '-', '-o', 'name'], { input });

    const inClear = await create(manifest.replace(/secret:sha256:[0-9a-f]{64}/g, PASSWORD));
    expect(inClear.stderr).toContain('spec.action.http.headers[x-api-key]');
    expect(inClear.stderr).not.toContain(PASSWORD);

    const created = await create(manifest);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const name = created.stdout.trim();
    const ready = ['wait', '--for=condition=Ready', name, '--timeout=20s'];
    expect((await stage.plane.kubectl(['-n', stage.namespace, ...ready])).code).toBe(0);
    const digest = /secret:sha256:[0-9a-f]{64}/.exec(manifest)?.[0] ?? '';
    const instead = { url: `${url}?key=${digest}`, headers: { 'x-api-key': digest } };
    expect((await call(sidecar, 'h1', instead)).problem.code).toBe('GrantRequired');
    expect((await call(sidecar, 'h1', request)).status).toBe(200);
    expect(kept[0]?.headers['x-api-key']).toBe(PASSWORD);
  });

  test('names the one field in which a usable grant differs, in the body too, and no value of it', async () => {
    const { url } = keeping('h1');
    const json = (restartedAt: string) => JSON.stringify({ spec: { restartedAt }, note: 'kept' });
    const grant = await stage.grant({
      method: 'PUT',
      url,
      body: { type: 'JSON', json: json('2026-11-30T22:00:00Z') },
    });
    const { name } = grant.metadata;
    const headers = { 'content-type': 'application/json' };
    const detailOf = async (request: { url: string }, body: string) =>
      (await call(sidecar, 'h1', { method: 'PUT', headers, ...request }, body)).problem.detail;

    const clock = await detailOf({ url }, json('2026-11-30T22:00:07Z'));
    expect(clock).toContain(
      `differs from that of ${name} only in /spec/restartedAt. That is a time`,
    );
    expect(clock).not.toContain('22:00:0');
    expect(await detailOf({ url: `${url}?t=1` }, json('2026-11-30T22:00:00Z'))).toContain(
      `${name} is approved and differs only in url, query parameter t`,
    );
  });

  test('of a second try has the status with which the service answered the first, and says so', async () => {
    const { url } = at('h1', (_request, response) => {
      response.writeHead(503, { 'retry-after': '1' }).end('overloaded');
    });
    const { metadata } = await stage.grant({ url });
    const first = await call(sidecar, 'h1', { url });
    expect(first).toMatchObject({
      status: 503,
      text: 'overloaded',
      headers: { 'retry-after': '1' },
    });
    const second = await call(sidecar, 'h2', { url });
    expect(second).toMatchObject({ status: 503, problem: { code: 'GrantRequired', status: 503 } });
    expect(second.problem.detail).toMatch(
      `UTC was answered 503 by the service; its grant ${metadata.name} is used up.`,
    );
    expect(second.headers['retry-after']).toBeUndefined();
    expect(second.headers['x-should-retry']).toBe('false');
  });

  test('is the same for a second use: one grant is one call', async () => {
    const { url, path } = keeping('h1');
    const grant = await stage.grant({ url });
    const answers = await Promise.all(
      PROTOCOLS.map((protocol) => call(sidecar, protocol, { url })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403]);
    await untilPhase(stage.plane, grant, 'Finished');
    // A replica may have heard of the use, and not yet of its end: each time, there is no grant.
    await eventually(
      async () => {
        const { problem } = await call(sidecar, 'h1', { url });
        expect(problem).toMatchObject({ code: 'GrantRequired' });
        expect(problem.detail).toContain(`${grant.metadata.name} was used`);
      },
      { withinMilliseconds: 20_000 },
    );
    expect(services.h1.seen.filter((line) => line.endsWith(path))).toHaveLength(1);
    expect((await readGrant(stage.plane, grant)).status?.uses).toHaveLength(1);
  });
});

test('the metrics have every name of the sidecar, and labels from closed sets only', async () => {
  const text = await sidecar.metrics();
  for (const [name, labels] of Object.entries(METRICS)) {
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`));
    expect(series.length, name).toBeGreaterThan(0);
    for (const line of series) {
      const names = [...line.matchAll(/[{,](\w+)="/g)].map(([, label]) => label);
      expect(names.filter((label) => !labels.includes(label ?? ''))).toEqual([]);
    }
  }
  expect(text).toMatch(
    /actiongrant_sidecar_calls_total\{action_type="HTTP",effect="Granted"\} [1-9]/,
  );
  // Series are there before anything happened.
  expect(text).toMatch(/actiongrant_sidecar_calls_total\{action_type="MCP",effect="Granted"\} 0/);
  expect(text).toMatch(/actiongrant_sidecar_refusals_total\{code="GrantRequired"\} [1-9]/);
  expect(text).not.toContain('example.com');
});

const METRICS: Readonly<Record<string, readonly string[]>> = {
  actiongrant_sidecar_calls_total: ['action_type', 'effect'],
  actiongrant_sidecar_refusals_total: ['code'],
  actiongrant_sidecar_added_latency_seconds_bucket: ['action_type', 'le'],
  actiongrant_build_info: ['version'],
};

test('no token and no password is in a log of any process', async () => {
  const tokens = [...services.h1.tokens, ...services.h2.tokens];
  expect(tokens.length).toBeGreaterThan(20);
  const secrets = [...tokens, PASSWORD, sidecar.pod.token, 'of-the-agent'];
  expect(await secretsInLogs(stage.product, secrets)).toEqual([]);
});

/** Waits until a number above 0 no longer grows. */
async function untilStill(read: () => number): Promise<void> {
  for (let last = 0; read() === 0 || read() !== last; ) {
    last = read();
    await sleep(300);
  }
}
