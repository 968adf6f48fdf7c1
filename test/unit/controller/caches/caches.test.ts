import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Caches, createCaches } from '../../../../controller/caches/caches.ts';
import type { LiveGrant } from '../../../../controller/grants/resource.ts';
import { createLogger } from '../../../../process/log.ts';
import { aGrant, anInUseStatus, aUse } from '../../../support/builders.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const USE = aUse();
const GRANT = aGrant({ status: anInUseStatus({ uses: [USE] }) });
const pod = (uid: string, phase = 'Running') => ({
  metadata: { namespace: 'soc', name: USE.podName, uid, resourceVersion: '2' },
  spec: { serviceAccountName: 'incident-agent' },
  status: { phase },
});
const namespace = (name: string, metadata = {}) => ({
  metadata: { name, uid: name, resourceVersion: '2', ...metadata },
});

let stub: StubApiServer;
let clock: FakeClock;
let caches: Caches;
/** What is listed, by the end of its path. */
let lists: Record<string, unknown[] | number>;
let watches: Map<string, ServerResponse>;
let seen: string[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  lists = {
    actiongrants: [GRANT],
    namespaces: [
      namespace('soc', {
        annotations: { 'actiongrant.dev/accepts-grants-from': 'ops', other: 'not kept' },
      }),
      namespace('bare'),
    ],
    'soc/pods': [pod(USE.podUID)],
  };
  watches = new Map();
  seen = [];
  stub.handler = ({ path, query }, response) => {
    const end = Object.keys(lists).find((each) => path.endsWith(`/${each}`));
    const items = end === undefined ? undefined : lists[end];
    if (end !== undefined && query.has('watch')) {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      watches.set(end, response);
    } else if (Array.isArray(items)) {
      answer(response, 200, { metadata: { resourceVersion: '5' }, items });
    } else {
      const code = typeof items === 'number' ? items : 404;
      answer(response, code, status(code, code === 403 ? 'Forbidden' : 'NotFound'));
    }
  };
});
afterEach(async () => {
  for (const watch of watches.values()) watch.destroy();
  await caches.stop();
  await stub[Symbol.asyncDispose]();
});

async function start(agentNamespaces = ['soc']): Promise<void> {
  caches = createCaches({
    client: await stub.client(),
    clock,
    log: createLogger({ level: 'error', fields: {}, write: () => {}, now: () => clock.now() }),
    agentNamespaces,
    onGrant: ({ metadata }: LiveGrant) => void seen.push(metadata.name),
    onGrantDeleted: ({ metadata }) => void seen.push(`${metadata.name} deleted`),
  });
  caches.start();
}
const current = () => eventually(() => expect(caches.notCurrent()).toEqual([]));
const send = (watch: string, type: string, object: object) =>
  watches.get(watch)?.write(`${JSON.stringify({ type, object })}\n`);

describe('what is decided on', () => {
  it('is every cache, once each was listed', async () => {
    await start();
    expect(caches.notCurrent()).toEqual(['actiongrants', 'namespaces', 'pods/soc']);
    await current();
    expect(seen).toEqual([GRANT.metadata.name]);
  });

  it('is not kept waiting by a namespace whose pods may not be read', async () => {
    lists['soc/pods'] = 403;
    await start();
    await current();
  });

  it('is not kept waiting by pods for longer than half a minute after the start', async () => {
    stub.handler = ((before) => (request, response) => {
      if (!request.path.endsWith('/pods')) before(request, response);
    })(stub.handler);
    await start();
    await eventually(() => expect(caches.notCurrent()).toEqual(['pods/soc']));
    await clock.advance(30_000);
    expect(caches.notCurrent()).toEqual([]);
  });

  it('is nothing after 90 s of silence', async () => {
    await start();
    await current();
    clock.wallOffset += 89_000;
    expect(caches.notCurrent()).toEqual([]);
    clock.wallOffset += 1_000;
    expect(caches.notCurrent()).toEqual(['actiongrants', 'namespaces']);
  });

  it('is as old as the oldest cache of a resource', async () => {
    await start();
    await current();
    expect([...caches.lastSync().keys()].sort()).toEqual(['actiongrants', 'namespaces', 'pods']);
  });
});

describe('a pod is found', () => {
  const find = (uid: string) => caches.findPod('soc', USE.podName, uid);
  const reads = () => stub.requests.filter(({ path }) => path.endsWith(USE.podName)).length;

  it('in the cache', async () => {
    await start();
    await current();
    expect(await find(USE.podUID)).toMatchObject({ serviceAccountName: 'incident-agent' });
    expect(reads()).toBe(0);
  });

  it('at the API server, if the cache knows another of its name', async () => {
    await start();
    await current();
    const before = stub.handler;
    stub.handler = (request, response) => {
      if (request.path.endsWith(USE.podName)) answer(response, 200, pod('another'));
      else before(request, response);
    };
    expect((await find('another'))?.metadata.uid).toBe('another');
  });

  it('by nobody, if it is gone', async () => {
    lists['soc/pods'] = [];
    await start();
    await current();
    expect(await find(USE.podUID)).toBeUndefined();
  });

  it('by few questions to the API server, however many tokens of pods that are gone are sent', async () => {
    lists['soc/pods'] = [];
    await start();
    await current();
    const found = Promise.all(Array.from({ length: 200 }, () => find(USE.podUID)));
    expect(new Set(await clock.through(found))).toEqual(new Set([undefined]));
    expect(reads()).toBeLessThanOrEqual(2);
  });

  it('by nobody in a namespace without agents', async () => {
    await start();
    await current();
    expect(await caches.findPod('elsewhere', USE.podName, USE.podUID)).toBeUndefined();
  });

  it('by nobody now, while the pods of its namespace cannot be read', async () => {
    lists['soc/pods'] = 403;
    await start();
    await current();
    await expect(find(USE.podUID)).rejects.toMatchObject({ code: 'NotReady' });
    expect(reads()).toBe(0);
  });
});

describe('the pod of a use', () => {
  it.each<[string, unknown[], boolean]>([
    ['is there while it runs', [pod(USE.podUID)], false],
    ['is gone when it has ended', [pod(USE.podUID, 'Failed')], true],
    ['is gone when another has its name', [pod('another')], true],
    ['is gone when none has its name', [], true],
  ])('%s', async (_, listed, gone) => {
    lists['soc/pods'] = listed;
    await start();
    await current();
    expect(caches.podIsGone(GRANT, USE)).toBe(gone);
  });

  it('is not taken for gone before its namespace was listed', async () => {
    lists['soc/pods'] = 403;
    await start();
    await current();
    expect(caches.podIsGone(GRANT, USE)).toBe(false);
  });

  it('has its grant looked at again when it is deleted', async () => {
    await start();
    await current();
    await eventually(() => expect(watches.has('soc/pods')).toBe(true));
    const { metadata, ...rest } = pod(USE.podUID);
    send('soc/pods', 'DELETED', { ...rest, metadata: { ...metadata, resourceVersion: '6' } });
    await eventually(() => expect(seen).toEqual([GRANT.metadata.name, GRANT.metadata.name]));
  });
});

it('a grant that is deleted is told with its last state', async () => {
  await start();
  await current();
  await eventually(() => expect(watches.has('actiongrants')).toBe(true));
  const metadata = { ...GRANT.metadata, resourceVersion: '6' };
  send('actiongrants', 'DELETED', { ...GRANT, metadata });
  await eventually(() => expect(seen).toContain(`${GRANT.metadata.name} deleted`));
});

it('of a namespace its labels and its consent are known, or that it is not known', async () => {
  await start();
  await current();
  expect(caches.annotationsOf('soc')).toEqual({ 'actiongrant.dev/accepts-grants-from': 'ops' });
  expect(caches.annotationsOf('bare')).toBeUndefined();
  expect(caches.labelsOf('bare')).toEqual({});
  expect(caches.labelsOf('unknown')).toBeUndefined();
});
