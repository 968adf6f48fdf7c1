/** Ordinary clients, unmodified, in an injected pod: refused in words they show, granted once, then refused again. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { type AgentPod, startAgentPod } from '../support/node/agent-pod.ts';
import { type Approval, approve, createFromManifest } from '../support/node/approve.ts';
import { createGitService, type GitService } from '../support/node/git-service.ts';
import { startCommand } from '../support/node/live-command.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { refusalIn, untilRefusedAsUsed } from '../support/node/refusal-text.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type Service, startService } from '../support/node/service.ts';
import { type NodeUpstream, startNodeUpstream } from '../support/node/upstreams.ts';
import type { UpstreamAnswer } from '../support/upstream.ts';

const HOST = 'clients.example.com';
const STREAMS = 'streams.clients.example.com';
const GIT = 'git.clients.example.com';
const ACCOUNT = { account: 'lent' };
const WHEEL = 'demo-1.0-py3-none-any.whl';
/** Longer than any connection of ours is kept idle, and than a silent client is borne. */
const SILENCE_MILLISECONDS = 6_000;
const UPLOAD_BYTES = 64 * 1024 * 1024;

/** What pip downloads. */
let wheel: Buffer;

const cluster = new NodeCluster(inject('node'));
let namespace: AgentNamespace;
let agent: AgentPod;
let upstream: NodeUpstream;
let streams: Service;
let gitService: GitService;
let gitServer: Service;
/** Streams of events, each once somebody reads it, by path. */
const streamed = new Map<string, ServerResponse>();

beforeAll(async () => {
  await ensureInstalled(cluster);
  namespace = await useAgentNamespace(cluster);
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ACCOUNT.account, namespace: namespace.name },
  });
  gitService = await createGitService(cluster.directory);
  [agent, upstream, streams, gitServer] = await Promise.all([
    startAgentPod(cluster, { namespace: namespace.name, name: 'clients' }),
    startNodeUpstream(cluster, {
      names: [HOST],
      answer: ({ path, body }) => ({
        status: 200,
        body: '{"done":true}',
        ...ANSWERS[path]?.(body),
      }),
    }),
    startService(cluster, {
      names: [STREAMS],
      handle(request, response) {
        if (!request.url?.startsWith('/events')) return void sendSlowly(response);
        streamed.set(request.url, response);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: first\n\n');
      },
    }),
    startService(cluster, { names: [GIT], handle: gitService.handle }),
  ]);
  await compile(readFileSync(CALLS, 'utf8'));
});

afterAll(async () => {
  await Promise.all([upstream?.close(), streams?.close(), gitServer?.close()]);
  gitService?.remove();
  await namespace?.release();
  await cluster.disconnect();
});

async function sendSlowly(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('before ');
  await sleep(SILENCE_MILLISECONDS);
  response.end('and after\n');
}

/** Java's compiler is in Debian's runtime; its command is not. */
async function compile(source: string): Promise<void> {
  const { code, stderr } = await agent.run(
    [
      ...['sh', '-c'],
      'cat >/tmp/Calls.java && java --module jdk.compiler/com.sun.tools.javac.Main -d /tmp /tmp/Calls.java',
    ],
    { input: source },
  );
  if (code !== 0) throw new Error(stderr);
}

/** What a command prints, with its error output. */
async function outputOf(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.run(command);
  return `${stdout}${stderr}exit code ${code}\n`;
}

const CALLS = join(import.meta.dirname, '../support/node/Calls.java');

const FETCH = `
const response = await fetch(process.argv[1], JSON.parse(process.argv[2] ?? '{}'));
console.log(response.status, await response.text());`;

const HTTP2 = `
import { connect } from 'node:http2';
const session = connect(process.argv[1]);
const stream = session.request({ ':path': new URL(process.argv[1]).pathname });
stream.on('response', (headers) => console.log(headers[':status'], session.alpnProtocol));
stream.pipe(process.stdout);
stream.on('close', () => session.close());`;

/** Prints events, and what becomes of its connection: it connects again by itself, unless it is refused. */
const EVENT_SOURCE = `
const source = new EventSource(process.argv[1]);
source.onmessage = ({ data }) => console.log('data: ' + data);
// Nothing else keeps Node.js running until it connects again.
const running = setInterval(() => {}, 60_000);
source.onerror = () => {
  const closed = source.readyState === EventSource.CLOSED;
  console.log(closed ? 'closed' : 'lost');
  if (closed) clearInterval(running);
};`;

const URLLIB = `
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).read().decode())
except urllib.error.HTTPError as error:
    print(error, error.read().decode())`;

/** The least that pip takes for a package. */
const MAKE_WHEEL = `
import base64, io, zipfile
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, 'w') as archive:
    archive.writestr('demo.py', '')
    archive.writestr('demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')
    archive.writestr('demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    archive.writestr('demo-1.0.dist-info/RECORD', '')
print(base64.b64encode(buffer.getvalue()).decode())`;

async function aWheel(): Promise<Buffer> {
  return Buffer.from((await agent.run(['python3', '-c', MAKE_WHEEL])).stdout, 'base64');
}

const REQUESTS = `
import requests, sys
answer = requests.post(sys.argv[1], json={'reason': 'beaconing', 'hosts': [7]})
print(answer.status_code, answer.text)`;

/** All of HTTP that OpenSSL's own client leaves to its user. */
const S_CLIENT = `
printf 'GET %s HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' "$2" "$1" |
  openssl s_client -quiet -verify_return_error -verify_hostname "$1" -servername "$1" -connect "$1:443"`;

const java = (program: string, ...args: string[]) => ['java', '-cp', '/tmp', program, ...args];
const node = (program: string, ...args: string[]) => [
  ...['node', '--input-type=module', '--eval', program],
  ...args,
];

/** Each a client as agents have it, with no option that knows of a proxy or a CA. */
const CLIENTS: Readonly<Record<string, (url: string) => readonly string[]>> = {
  'curl, HTTP/1.1': (url) => ['curl', '-sS', '--http1.1', url],
  'curl, HTTP/2': (url) => [
    'curl',
    '-sS',
    '--http2',
    '--write-out',
    '\nHTTP/%{http_version}\n',
    url,
  ],
  wget: (url) => ['wget', '--quiet', '--content-on-error', '--output-document=-', url],
  'Node.js fetch': (url) => node(FETCH, url),
  'Node.js fetch, POST': (url) =>
    node(
      FETCH,
      url,
      '{"method":"POST","headers":{"content-type":"application/json"},"body":"{ \\"n\\": 1 }"}',
    ),
  'Node.js http2': (url) => node(HTTP2, url),
  'Python requests, POST': (url) => ['python3', '-c', REQUESTS, url],
  'Python urllib': (url) => ['python3', '-c', URLLIB, url],
  'openssl s_client': (url) => ['sh', '-c', S_CLIENT, 'sh', HOST, new URL(url).pathname],
  'Java HttpClient, HTTP/2': (url) => java('CallByHttpClient', url),
  'Java HttpsURLConnection': (url) => java('CallByURLConnection', url),
  'npm view': (url) => {
    const [registry, name = ''] = splitLast(url);
    // The image has no home for its user. It need not ask whether there is a newer npm, either.
    const npm = ['env', 'HOME=/tmp', 'npm', '--no-update-notifier', `--registry=${registry}`];
    return [...npm, 'view', name, 'description'];
  },
};

function splitLast(url: string): [string, string] {
  const slash = url.lastIndexOf('/') + 1;
  return [url.slice(0, slash), url.slice(slash)];
}

/** Where it is more than that something was done. */
const ANSWERS: Readonly<Record<string, (body: Buffer) => Partial<UpstreamAnswer>>> = {
  '/v1/upload': (body) => ({ body: createHash('sha256').update(body).digest('hex') }),
  '/v1/npm-view': () => ({ body: JSON.stringify(aPackument()) }),
  '/v1/simple/demo/': () => ({
    headers: { 'content-type': 'text/html' },
    body: `<!DOCTYPE html><a href="../../${WHEEL}">${WHEEL}</a>`,
  }),
  [`/v1/${WHEEL}`]: () => ({ body: wheel }),
};

/** What an npm registry says of a package. */
function aPackument(): object {
  const version = { name: 'npm-view', version: '1.0.0', description: '{"done":true}' };
  return {
    name: 'npm-view',
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { ...version, dist: { tarball: `https://${HOST}/v1/npm-view.tgz` } } },
  };
}

const pathOf = (name: string) => `/v1/${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`;

describe.concurrent('a call', () => {
  it.each(Object.entries(CLIENTS))('by %s', async (name, commandOf) => {
    const path = pathOf(name);
    const url = `https://${HOST}${path}`;
    const effects = () => upstream.effects.filter((effect) => effect.path === path);

    const refused = await outputOf(commandOf(url));
    expect(refusalIn(refused), refused).toMatchObject({
      code: 'GrantRequired',
      manifest: expect.stringContaining(`url: "${url}"`),
    });
    expect(effects()).toEqual([]);

    await approve(cluster, refused, ACCOUNT);
    const granted = await outputOf(commandOf(url));
    expect(granted, granted).toContain('{"done":true}');
    if (name.includes('HTTP/2')) expect(granted).toContain('HTTP/2');
    if (name.includes('HTTP/1.1')) expect(granted).not.toContain('HTTP/2');
    expect(effects()).toMatchObject([
      { username: `system:serviceaccount:${namespace.name}:${ACCOUNT.account}`, host: HOST },
    ]);

    await untilRefusedAsUsed(() => outputOf(commandOf(url)));
    expect(effects()).toHaveLength(1);
  });
});

describe('pip', () => {
  const index = `https://${HOST}/v1/simple/`;
  const DOWNLOAD = [
    ...['pip', 'download', '--no-deps', '--no-cache-dir', '--disable-pip-version-check'],
    ...[`--index-url=${index}`, '--dest=/tmp/wheels', 'demo'],
  ];
  const download = () => outputOf(DOWNLOAD);
  /** It says as little of an answer as this: the same URL is read with another client. */
  const reasonOf = (url: string) => outputOf(['curl', '-sS', url]);

  it('downloads with a grant for the page and one for the file', async () => {
    wheel = await aWheel();
    expect(await download()).toContain('No matching distribution found for demo');
    const page = await reasonOf(`${index}demo/`);
    expect(refusalIn(page).code, page).toBe('GrantRequired');
    await approve(cluster, page, ACCOUNT);
    // The page is read, the file refused.
    expect(await download()).toContain('403 Client Error');
    await untilRefusedAsUsed(() => reasonOf(`${index}demo/`));
    for (const url of [`${index}demo/`, `https://${HOST}/v1/${WHEEL}`]) {
      const { manifest = '' } = refusalIn(await reasonOf(url));
      await createFromManifest(cluster, manifest, ACCOUNT);
    }
    expect(await download()).toContain('Successfully downloaded demo');
    await untilRefusedAsUsed(() => reasonOf(`https://${HOST}/v1/${WHEEL}`));
    expect(await download()).toContain('No matching distribution found for demo');
    expect(upstream.count('GET /v1/simple/demo/')).toBe(2);
    expect(upstream.count(`GET /v1/${WHEEL}`)).toBe(1);
  });
});

describe.concurrent('a long exchange', () => {
  it('64 MiB go up, byte for byte, for a grant that takes any body', async () => {
    const url = `https://${HOST}/v1/upload`;
    const upload = () => outputOf(['curl', '-sS', '--upload-file', '/tmp/upload', url]);
    const made = await agent.run([
      ...['sh', '-c'],
      `head -c ${UPLOAD_BYTES} /dev/urandom >/tmp/upload && sha256sum </tmp/upload`,
    ]);
    const [digest = ''] = made.stdout.split(' ');

    const refused = await upload();
    expect(refusalIn(refused).manifest, refused).toContain(
      'body:\n        type: Any # no content type, over 1 MiB\n',
    );
    await approve(cluster, refused, ACCOUNT);
    const granted = await upload();
    expect(granted).toContain(digest);
    expect(digest).toHaveLength(64);
    expect(upstream.effects.find(({ path }) => path === '/v1/upload')?.body).toHaveLength(
      UPLOAD_BYTES,
    );
    await untilRefusedAsUsed(upload);
  });

  it('a download comes whole, however long its server pauses', async () => {
    const download = () => outputOf(['curl', '-sS', `https://${STREAMS}/download`]);
    await approve(cluster, await download(), ACCOUNT);
    expect(await download()).toBe('before and after\nexit code 0\n');
    await untilRefusedAsUsed(download);
  });

  it('events arrive as they are sent, and end at the deadline', async () => {
    const read = ['curl', '-sS', '--no-buffer', `https://${STREAMS}/events`];
    await approve(cluster, await outputOf(read), { ...ACCOUNT, timeoutSeconds: 8 });
    const reader = startCommand(cluster, agent, read);
    await reader.shows('data: first');
    // Sent only once the one before is known to have arrived.
    for (const data of ['second', 'third']) {
      streamed.get('/events')?.write(`data: ${data}\n\n`);
      await reader.shows(`data: ${data}`);
    }
    const { code, stderr } = await reader.ended;
    expect({ cut: code !== 0, stderr }).toMatchObject({
      cut: true,
      stderr: expect.stringMatching(/^curl: /),
    });
    await eventually(() => expect(streamed.get('/events')?.destroyed).toBe(true));
    await untilRefusedAsUsed(() => outputOf(read));
  });

  it('an EventSource hears of the end, and that there is no other use', async () => {
    const url = `https://${STREAMS}/events?by=EventSource`;
    await approve(cluster, await outputOf(['curl', '-sS', url]), { ...ACCOUNT, timeoutSeconds: 8 });
    const [command, ...args] = node(EVENT_SOURCE, url);
    const reader = startCommand(cluster, agent, [
      `${command}`,
      '--experimental-eventsource',
      ...args,
    ]);
    await reader.shows('data: first');
    await reader.shows('lost');
    await reader.shows('closed');
    expect((await reader.ended).code).toBe(0);
  });
});

describe('git over HTTPS', () => {
  const url = `https://${GIT}/notes.git`;
  const CLONE = ['git', 'clone', '--quiet', url, '/tmp/notes'];
  const FETCH_V0 = ['git', '-C', '/tmp/notes', '-c', 'protocol.version=0', 'fetch', '--quiet'];
  const fetched = async () =>
    (await agent.run(['git', '-C', '/tmp/notes', 'rev-parse', 'origin/main'])).stdout.trim();
  /** From the grant of git's first call that of the next. */
  const uploadPack: Approval['change'] = (spec) => ({
    ...spec,
    action: {
      ...spec.action,
      http: {
        ...spec.action.http,
        method: 'POST',
        url: `${url}/git-upload-pack`,
        body: { type: 'Any' },
      },
    },
  });

  it('clones with a grant for each of its three calls', async () => {
    const discovery = refusalIn(await outputOf(CLONE)).manifest ?? '';
    expect(discovery).toContain(`url: "${url}/info/refs?service=git-upload-pack"`);
    expect(discovery).toContain('"git-protocol": "version=2"');
    await createFromManifest(cluster, discovery, ACCOUNT);
    // Of what is refused later, git says no more than the status: the other grants are made from this one.
    expect(await outputOf(CLONE)).toContain('RPC failed; HTTP 403');
    // References, then objects: the same action twice.
    await createFromManifest(cluster, discovery, ACCOUNT);
    for (const _ of ['references', 'objects']) {
      await createFromManifest(cluster, discovery, { ...ACCOUNT, change: uploadPack });
    }
    const granted = await outputOf(CLONE);
    expect(granted).toBe('exit code 0\n');
    expect(await fetched()).toBe(await gitService.head());
    await untilRefusedAsUsed(() => outputOf(['git', 'ls-remote', url]));
  });

  it('fetches with two grants by version 0 of its protocol', async () => {
    await gitService.commit('second');
    const discovery = refusalIn(await outputOf(FETCH_V0)).manifest ?? '';
    expect(discovery).not.toContain('git-protocol');
    await createFromManifest(cluster, discovery, ACCOUNT);
    await createFromManifest(cluster, discovery, { ...ACCOUNT, change: uploadPack });
    expect(await fetched()).not.toBe(await gitService.head());
    expect(await outputOf(FETCH_V0)).toBe('exit code 0\n');
    expect(await fetched()).toBe(await gitService.head());
  });
});
