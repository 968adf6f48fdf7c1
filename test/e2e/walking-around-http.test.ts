/**
 * Ways around the sidecar that go through it: calls that are to be read as others than they are, from a real pod and over real
 * redirection. IDs are those of the bypasses in SECURITY.md.
 */

import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import { type Case, loadCorpus } from '../attack/corpus.ts';
import { problemCode, readAnswer } from '../attack/wire.ts';
import { aGrantSpec } from '../support/builders.ts';
import { createUsableGrant, grantsPath } from '../support/grants.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import type { AgentPod } from '../support/node/agent-pod.ts';
import { disguisedCalls } from '../support/node/disguised-calls.ts';
import { get, grantGet } from '../support/node/granted-call.ts';
import { METADATA_ADDRESS } from '../support/node/layout.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import {
  bytesOf,
  corpusCall,
  getBytes,
  type RawAnswer,
  rawCalls,
  tlsFor,
} from '../support/node/raw-calls.ts';
import { refusalIn } from '../support/node/refusal-text.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type Service, startService } from '../support/node/service.ts';
import { registerNames } from '../support/node/upstreams.ts';
import { startPod } from '../support/node/walled-pods.ts';

const HOST = 'http.walking.example.com';
const OTHER = 'other.walking.example.com';
const PLAIN = 'plain.walking.example.com';
/** Names that lead where nobody may be led. */
const LEADING: Readonly<Record<string, readonly string[]>> = {
  metadata: [METADATA_ADDRESS],
  loopback: ['127.0.0.1'],
  both: ['203.0.113.48', METADATA_ADDRESS],
  link: ['fe80::1'],
};
const leading = (name: string) => `${name}.leading.example.com`;

/** What can be asked for by connecting to a name: not what is refused in a CONNECT, and not the API server of other tests. */
const CORPUS = loadCorpus().filter(
  ({ by, connect }) =>
    by !== 'forward' && (connect === null || /^[a-z.]+:(?:443|8443)$/i.test(connect)),
);
const key = ({ theme, name }: Case) => `${theme}: ${name}`;

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let plain: string;
let walled: AgentPod;
let bare: AgentPod;
let services: readonly Service[] = [];
let metadata: Server;
const forget: (() => Promise<void>)[] = [];
let answers: Record<string, RawAnswer>;
/** What reached a service: host and path, and the credential if one came. */
let served: string[] = [];

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
  plain = await cluster.createNamespace('outside');
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'lent', namespace: agents.name },
  });
  const handle: Parameters<typeof startService>[1]['handle'] = (
    { url = '', headers },
    response,
  ) => {
    served.push([`${headers.host}${url}`, headers.authorization?.slice(0, 9)].join(' ').trim());
    if (url.startsWith('/elsewhere')) response.writeHead(302, { location: `http://${PLAIN}/hop` });
    response.end('done');
  };
  metadata = createServer((_request, response) => response.end('metadata')).listen(
    80,
    METADATA_ADDRESS,
  );
  const start = async () => [
    await startService(cluster, { names: [HOST], handle }),
    await startService(cluster, { names: [OTHER], handle }),
    await startService(cluster, { names: [PLAIN], scheme: 'http', handle }),
  ];
  [walled, bare, services] = await Promise.all([
    startPod(cluster, agents.name, 'walled'),
    startPod(cluster, plain, 'bare'),
    start(),
  ]);
  for (const [name, addresses] of Object.entries(LEADING)) {
    forget.push(await registerNames(cluster, [leading(name)], addresses));
  }
  const calls = CORPUS.map((attack) => [key(attack), corpusCall(attack)] as const);
  answers = await rawCalls(walled, Object.fromEntries(calls));
}, 120_000);

afterAll(async () => {
  metadata?.close();
  for (const one of forget) await one();
  for (const service of services) await service.close();
  await agents?.release();
  if (plain !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${plain}`);
  await cluster.disconnect();
});

/**
 * Cases whose refusal cannot be read, though not a parser makes it: how the sidecar answers them instead. A HEAD has no body to
 * say why, and for some names there is no certificate to say it under.
 */
const WITHOUT_A_CODE: Readonly<Record<string, RegExp>> = {
  'smuggling: a HEAD with a body': /^HTTP\/1\.1 400 /,
};

describe('B5 B6 B7 B9 B10 the corpus, over real redirection', () => {
  it.each(CORPUS.map((attack) => [key(attack), attack] as const))('%s', (name, attack) => {
    const { received, closed, error } = answers[name] ?? { received: '', closed: false };
    const answer = readAnswer(attack.request, bytesOf(received));
    const { body, count } = answer ?? { body: null, count: 0 };
    const code = problemCode(body);
    const codeless =
      WITHOUT_A_CODE[name] ?? (attack.by === 'parser' ? /^(?:$|HTTP\/1\.1 4)/ : null);
    // What is in order still has no grant.
    const expected = 'refused' in attack.expected ? attack.expected.refused : 'GrantRequired';
    if (code !== null || codeless === null) expect(code ?? error ?? received).toBe(expected);
    // A stream that is reset is cut as well as a connection. Silence is no refusal, and who is not there refuses nothing.
    else if (attack.request.version === 2) {
      expect({ cut: answer !== null || closed, error }).toMatchObject({ cut: true });
    } else {
      expect(received).toMatch(codeless);
      if (received === '' || attack.by === 'parser')
        expect({ closed, error }).toMatchObject({ closed: true });
    }
    expect(body === null || code !== null).toBe(true);
    expect(count).toBeLessThanOrEqual(1);
  });
});

/** Of a refusal in whichever protocol, or the status of another answer. */
const codeOf = ({ received, error }: RawAnswer) =>
  /"code":"(\w+)"/.exec(received)?.[1] ?? /^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? error ?? '';

describe('with a grant at hand', () => {
  const PATH = '/at-hand';
  const DISGUISED = disguisedCalls(HOST, OTHER, PATH);

  it('nothing goes out by a call that is another, and afterwards the grant still holds', async () => {
    const grant = await grantGet(cluster, agents.name, `https://${OTHER}${PATH}`);
    served = [];
    const calls = Object.entries(DISGUISED).map(([name, [, call]]) => [name, call] as const);
    const tried = await rawCalls(walled, Object.fromEntries(calls));
    const codes = Object.entries(tried).map(([name, answer]) => [name, codeOf(answer)]);
    const wanted = Object.entries(DISGUISED).map(([name, [code]]) => [name, code]);
    expect(Object.fromEntries(codes)).toEqual(Object.fromEntries(wanted));
    expect(served).toEqual([]);
    expect(await get(walled, `https://${OTHER}${PATH}`), grant.metadata.name).toBe('200');
    expect(served).toEqual([`${OTHER}${PATH}`]);
  });
});

describe('B11 a credential', () => {
  it('does not follow a redirect, and does not go out in the clear', async () => {
    const url = `https://${HOST}/elsewhere`;
    const granted = (target: string) =>
      aGrantSpec({
        agent: { serviceAccountName: 'default' },
        action: { type: 'HTTP', http: { method: 'GET', url: target } },
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: { serviceAccountName: 'lent', audience: `https://${HOST}` },
        },
        approvedByRequester: true,
      });
    await createUsableGrant(cluster, agents.name, { spec: granted(url) });
    served = [];
    const { stdout } = await walled.run(['curl', '-sSL', '-m8', '-w%{num_redirects}', url]);
    expect(served).toEqual([`${HOST}/elsewhere Bearer ey`]);
    expect(refusalIn(stdout).code).toBe('GrantRequired');
    expect(stdout).toMatch(/1$/);

    const inTheClear = await cluster.request('POST', grantsPath(agents.name), {
      apiVersion: 'actiongrant.dev/v1alpha1',
      kind: 'ActionGrant',
      metadata: { name: 'in-the-clear' },
      spec: granted(`http://${PLAIN}/hop`),
    });
    expect({ ...inTheClear }).toMatchObject({ status: 422 });
    expect(JSON.stringify(inTheClear.body)).toContain('https');

    // Without one it is granted, and what the agent says of itself stays behind.
    await grantGet(cluster, agents.name, `http://${PLAIN}/hop`);
    await walled.run(['curl', '-sS', '-m8', '-HAuthorization: Bearer ey', `http://${PLAIN}/hop`]);
    expect(served.slice(1)).toEqual([`${PLAIN}/hop`]);
  });
});

describe('B12 is refused even with a grant', () => {
  it.each([
    ['the metadata address', `http://${METADATA_ADDRESS}/`, 'UpstreamNameRefused'],
    ['the metadata address in TLS', `https://${METADATA_ADDRESS}/`, 'ServerNameMissing'],
    ['a name for it', `http://${leading('metadata')}/`, 'UpstreamNameRefused'],
    ['a name for it in TLS', `https://${leading('metadata')}/`, 'UpstreamNameRefused'],
    ['a name for it and another', `http://${leading('both')}/`, 'UpstreamNameRefused'],
    [
      "a name for the sidecar's own port",
      `http://${leading('loopback')}:${SIDECAR_PORTS.operations}/readyz`,
      'UpstreamNameRefused',
    ],
    ['a name for a neighbour on the link', `http://${leading('link')}/`, 'UpstreamNameRefused'],
  ])('%s', async (_name, url, code) => {
    await grantGet(cluster, agents.name, url);
    const { stdout, stderr } = await walled.run(['curl', '-sSk', '-m8', url]);
    expect(refusalIn(stdout + stderr).code).toBe(code);
  });

  it('while who is not held gets there', async () => {
    for (const host of [METADATA_ADDRESS, leading('metadata')]) {
      const { stdout, stderr } = await bare.run(['curl', '-sS', '-m8', `http://${host}/`]);
      expect(stdout, stderr).toBe('metadata');
    }
  });
});

it('B3 DNS over HTTPS is a call like any other', async () => {
  const url = `https://${HOST}/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB`;
  const ask = ['curl', '-sSk', '-m8', '-Haccept: application/dns-message', url];
  served = [];
  expect(refusalIn((await walled.run(ask)).stdout).code).toBe('GrantRequired');
  expect(served).toEqual([]);
  expect(await bare.run(ask)).toMatchObject({ code: 0, stdout: 'done' });
});

describe('B17 one grant is one call', () => {
  const count = (text: string) => text.split(/^HTTP\/1\.1 200 /m).length - 1;

  it('of twenty at once', async () => {
    await grantGet(cluster, agents.name, `https://${HOST}/at-once`);
    served = [];
    const call = { to: [HOST, 443], ...tlsFor(HOST), data: getBytes(HOST, '/at-once') } as const;
    const calls = Array.from({ length: 20 }, (_, index) => [`${index}`, call] as const);
    const tried = Object.values(await rawCalls(walled, Object.fromEntries(calls)));
    expect(tried.filter((answer) => codeOf(answer) === '200')).toHaveLength(1);
    for (const answer of tried) expect(codeOf(answer)).toMatch(/^(?:200|GrantRequired|UseRaced)$/);
    expect(served).toEqual([`${HOST}/at-once`]);
  });

  it('of two on one connection, one behind the other', async () => {
    await grantGet(cluster, agents.name, `https://${HOST}/pipelined`);
    served = [];
    const data = getBytes(HOST, '/pipelined') + getBytes(HOST, '/pipelined', 'Connection: close');
    const call = { to: [HOST, 443], ...tlsFor(HOST), data, untilClosed: true } as const;
    const { received } = (await rawCalls(walled, { call })).call;
    expect(count(received), received).toBe(1);
    expect(received.match(/HTTP\/1\.1 403 .*\(GrantRequired\)/g)).toHaveLength(1);
    expect(served).toEqual([`${HOST}/pipelined`]);
  });

  it('of many on one connection, which is closed because two may wait there', async () => {
    await grantGet(cluster, agents.name, `https://${HOST}/crowded`);
    served = [];
    const data = getBytes(HOST, '/crowded').repeat(16);
    const call = { to: [HOST, 443], ...tlsFor(HOST), data, untilClosed: true } as const;
    const { received, closed } = (await rawCalls(walled, { call })).call;
    expect(closed).toBe(true);
    expect(count(received), received).toBeLessThanOrEqual(1);
    expect(served.length).toBeLessThanOrEqual(1);
  });
});
