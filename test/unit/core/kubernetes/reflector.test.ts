import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import {
  createReflector,
  type Reflector,
  type ReflectorOptions,
  type ReflectorReport,
} from '../../../../core/kubernetes/reflector.ts';
import { type ConfigMap, configMaps } from '../../../../core/kubernetes/resources.ts';
import { systemClock } from '../../../../core/time/clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  answer,
  StubApiServer,
  type StubRequest,
  status,
} from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let reflector: Reflector<ConfigMap> | undefined;
/** What the next list answers. */
let listed: { items: Live<ConfigMap>[]; version: string };
/** Watches asked for, the latest last. */
let watches: { request: StubRequest; response: ServerResponse }[];
let changes: string[];
let reports: ReflectorReport[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  listed = { items: [], version: '10' };
  watches = [];
  changes = [];
  reports = [];
  stub.handler = (request, response) => {
    if (request.query.get('watch') === 'true') {
      watches.push({ request, response });
      response.writeHead(200).flushHeaders();
    } else {
      answer(response, 200, {
        metadata: { resourceVersion: listed.version },
        items: listed.items,
      });
    }
  };
});

afterEach(async () => {
  await reflector?.stop();
  reflector = undefined;
  await stub[Symbol.asyncDispose]();
});

function map(name: string, uid: string, resourceVersion: number): Live<ConfigMap> {
  return { metadata: { name, namespace: 'soc', uid, resourceVersion: String(resourceVersion) } };
}

const log =
  (verb: string) =>
  ({ metadata }: Live<ConfigMap>): void =>
    void changes.push(`${verb} ${metadata.uid}@${metadata.resourceVersion}`);

async function run(options: Partial<ReflectorOptions<ConfigMap>> = {}) {
  reflector = createReflector<ConfigMap>({
    client: await stub.client({ clock: options.clock ?? systemClock }),
    resource: configMaps,
    keep: (object) => object,
    clock: systemClock,
    namespace: 'soc',
    random: () => 0,
    handlers: {
      onAdd: log('add'),
      onUpdate: (_previous, current) => log('update')(current),
      onDelete: log('delete'),
    },
    report: (report) => void reports.push(report),
    ...options,
  });
  reflector.start();
  return reflector;
}

function send(type: string, object: unknown): void {
  watches.at(-1)?.response.write(`${JSON.stringify({ type, object })}\n`);
}

const watchesBegun = (count: number) =>
  eventually(() => expect(watches.length).toBeGreaterThanOrEqual(count));
const told = (expected: string[]) => eventually(() => expect(changes).toEqual(expected));
const listsAsked = () => stub.requests.filter(({ query }) => !query.has('watch')).length;
const startVersions = () => watches.map(({ request }) => request.query.get('resourceVersion'));
const failures = () =>
  reports.flatMap((report) =>
    'error' in report && isKubernetesError(report.error) ? [report.error.kind] : [],
  );

describe('a reflector', () => {
  it('lists, then watches from there with bookmarks', async () => {
    listed.items = [map('a', 'u1', 3)];
    const made = await run();
    await made.waitForSync();
    await watchesBegun(1);
    expect(changes).toEqual(['add u1@3']);
    expect(made.hasSynced()).toBe(true);
    const [{ request } = { request: undefined }] = watches;
    expect(request?.path).toBe('/api/v1/namespaces/soc/configmaps');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({
      watch: 'true',
      resourceVersion: '10',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
    });
    send('ADDED', map('b', 'u2', 11));
    send('MODIFIED', map('b', 'u2', 12));
    send('DELETED', map('b', 'u2', 13));
    await told(['add u1@3', 'add u2@11', 'update u2@12', 'delete u2@13']);
  });

  it('reads a list in pages', async () => {
    stub.handler = (request, response) => {
      const next = { '': 'p2', p2: 'p3', p3: '' }[request.query.get('continue') ?? ''] ?? '';
      const page = map(`at-${next}`, `u-${next}`, 3);
      if (request.query.has('watch')) response.writeHead(200).flushHeaders();
      else
        answer(response, 200, {
          metadata: { resourceVersion: '10', continue: next },
          items: [page],
        });
    };
    await (await run()).waitForSync();
    expect(reflector?.size).toBe(3);
    expect(stub.requests[0]?.query.get('limit')).toBe('500');
  });

  it('asks for all at once when a page has expired', async () => {
    stub.handler = (request, response) => {
      if (request.query.has('watch')) response.writeHead(200).flushHeaders();
      else if (request.query.has('continue')) answer(response, 410, status(410, 'Expired'));
      else {
        const next = request.query.has('limit') ? { continue: 'p2' } : {};
        const metadata = { resourceVersion: '10', ...next };
        answer(response, 200, { metadata, items: [map('a', 'u1', 3)] });
      }
    };
    await (await run()).waitForSync();
    expect(reflector?.size).toBe(1);
  });

  it('goes on from the last version when a watch ends or breaks', async () => {
    await run();
    await watchesBegun(1);
    send('ADDED', map('a', 'u1', 11));
    send('BOOKMARK', { metadata: { resourceVersion: '40' } });
    await told(['add u1@11']);
    watches.at(-1)?.response.end();
    await watchesBegun(2);
    watches.at(-1)?.request.socket.destroy();
    await watchesBegun(3);
    expect(startVersions()).toEqual(['10', '40', '40']);
    expect(listsAsked()).toBe(1);
  });

  it.each([
    ['its version is gone', { kind: 'Status', code: 410, reason: 'Expired', message: 'x' }],
    ['an event is not one', { metadata: {} }],
  ])('lists again when %s, and tells what it missed', async (_name, object) => {
    listed.items = [map('a', 'u1', 3), map('b', 'u2', 4)];
    await run();
    await watchesBegun(1);
    listed = { items: [map('a', 'u9', 20)], version: '30' };
    send('ERROR', object);
    await watchesBegun(2);
    expect(changes).toEqual(['add u1@3', 'add u2@4', 'delete u1@3', 'add u9@20', 'delete u2@4']);
    expect(startVersions()).toEqual(['10', '30']);
  });

  it('lists again when a watch is refused with 410', async () => {
    const { handler } = stub;
    let refusals = 0;
    stub.handler = (request, response) => {
      if (request.query.has('watch') && refusals++ === 0) {
        answer(response, 410, status(410, 'Expired'));
      } else handler(request, response);
    };
    await run();
    await watchesBegun(1);
    expect(listsAsked()).toBe(2);
    expect(failures()).toEqual(['Gone']);
  });

  it('waits longer after each failure, lists after five, and reports all of them', async () => {
    const clock = new FakeClock();
    const { handler } = stub;
    stub.handler = (request, response) => {
      if (request.query.has('watch')) answer(response, 503, status(503, 'ServiceUnavailable'));
      else handler(request, response);
    };
    await run({ clock });
    for (const [attempt, delay] of [100, 200, 400, 800, 1600].entries()) {
      await eventually(() => expect(failures()).toHaveLength(attempt + 1));
      await clock.advance(delay - 1);
      expect(stub.requests).toHaveLength(2 + attempt);
      await clock.advance(1);
      await eventually(() => expect(stub.requests.length).toBeGreaterThan(2 + attempt));
    }
    await eventually(() => expect(listsAsked()).toBe(2));
    expect(new Set(failures())).toEqual(new Set(['Unavailable']));
  });

  it('survives what its handlers throw', async () => {
    const seen: string[] = [];
    await run({
      handlers: {
        onAdd({ metadata }) {
          seen.push(metadata.name);
          throw new Error(metadata.name);
        },
      },
    });
    await watchesBegun(1);
    send('ADDED', map('a', 'u1', 11));
    send('ADDED', map('b', 'u2', 12));
    await eventually(() => expect(seen).toEqual(['a', 'b']));
    expect(reports.filter(({ type }) => type === 'HandlerFailed')).toHaveLength(2);
    expect(watches).toHaveLength(1);
  });

  it('tells what a handler causes after what it is telling', async () => {
    const order: string[] = [];
    const made = await run({
      handlers: {
        onAdd({ metadata }) {
          order.push(`begin ${metadata.name}`);
          if (metadata.name === 'a') made.observe(map('b', 'u2', 20));
          order.push(`end ${metadata.name}`);
        },
      },
    });
    await watchesBegun(1);
    send('ADDED', map('a', 'u1', 11));
    await eventually(() => expect(order).toEqual(['begin a', 'end a', 'begin b', 'end b']));
  });

  it('is never older than what was observed', async () => {
    listed.items = [map('a', 'u1', 3)];
    const made = await run();
    await watchesBegun(1);
    expect(made.observe(map('a', 'u1', 15))).toBe(true);
    send('MODIFIED', map('a', 'u1', 12));
    send('MODIFIED', map('a', 'u1', 15));
    send('MODIFIED', map('a', 'u1', 16));
    await told(['add u1@3', 'update u1@15', 'update u1@16']);
  });

  it('asks for smaller pages where an answer would be too large, and goes on with that', async () => {
    const MEBIBYTES = 4;
    const fat = (index: number): Live<ConfigMap> => ({
      ...map(`m${index}`, `u${index}`, index + 1),
      data: { text: 'x'.repeat(MEBIBYTES * 1024 * 1024) },
    });
    const items = Array.from({ length: 7 }, (_, index) => fat(index));
    const limits: number[] = [];
    stub.handler = (request, response) => {
      if (request.query.get('watch') === 'true') {
        watches.push({ request, response });
        response.writeHead(200).flushHeaders();
        return;
      }
      const limit = Number(request.query.get('limit'));
      limits.push(limit);
      const from = Number(request.query.get('continue') ?? 0);
      const more = from + limit < items.length ? { continue: `${from + limit}` } : {};
      answer(response, 200, {
        metadata: { resourceVersion: '20', ...more },
        items: items.slice(from, from + limit),
      });
    };
    const made = await run({
      keep: ({ data: _, ...object }) => object,
    });
    await watchesBegun(1);
    // Three pages of 5, 50 and 500 would hold more than an answer may.
    expect(limits).toEqual([500, 50, 5, 1, 1, 1, 1, 1, 1, 1]);
    expect(made.size).toBe(7);
    expect(made.list().every((object) => !('data' in object))).toBe(true);
    expect(failures()).toEqual([]);
  });

  it('keeps of listed, watched and observed objects what it is told to', async () => {
    const labelled = (name: string, uid: string, version: number): Live<ConfigMap> => ({
      ...map(name, uid, version),
      data: { secret: 'x' },
    });
    listed.items = [labelled('a', 'u1', 3)];
    const made = await run({ keep: ({ data: _, ...object }) => object });
    await watchesBegun(1);
    send('ADDED', labelled('b', 'u2', 11));
    await told(['add u1@3', 'add u2@11']);
    expect(made.observe(labelled('c', 'u3', 12))).toBe(true);
    expect(made.list().map((object) => 'data' in object)).toEqual([false, false, false]);
  });

  describe('whose watch falls silent', () => {
    const SILENCE = 75_000;
    const silences = () => reports.filter(({ type }) => type === 'WatchSilent').length;

    it('opens another from the last version it was told, on another connection', async () => {
      const clock = new FakeClock();
      await run({ clock });
      await watchesBegun(1);
      await clock.advance(60_000);
      send('ADDED', map('a', 'u1', 11));
      send('BOOKMARK', { metadata: { resourceVersion: '40' } });
      await told(['add u1@11']);
      await clock.advance(SILENCE - 1);
      expect(watches).toHaveLength(1);
      await clock.advance(1);
      await watchesBegun(2);
      expect(startVersions()).toEqual(['10', '40']);
      expect([listsAsked(), silences(), failures()]).toEqual([1, 1, []]);
      expect(watches[1]?.request.socket).not.toBe(watches[0]?.request.socket);
    });

    it('keeps the one that sends nothing but bookmarks, however long it lives', async () => {
      const clock = new FakeClock();
      const made = await run({ clock });
      await watchesBegun(1);
      for (let minute = 1; minute <= 10; minute++) {
        await clock.advance(61_000);
        send('BOOKMARK', { metadata: { resourceVersion: `${10 + minute}` } });
        await eventually(() => expect(made.lastSync()).toBe(clock.now()));
      }
      expect([watches.length, listsAsked(), reports.length]).toEqual([1, 1, 1]);
    });

    it('lists as well, if it never said anything: its head may be all that gets through', async () => {
      const clock = new FakeClock();
      await run({ clock });
      await watchesBegun(1);
      listed = { items: [map('a', 'u1', 20)], version: '30' };
      await clock.advance(SILENCE);
      await watchesBegun(2);
      expect(changes).toEqual(['add u1@20']);
      expect(startVersions()).toEqual(['10', '30']);
    });

    it('gives up one that stops in the middle of an event', async () => {
      const clock = new FakeClock();
      await run({ clock });
      await watchesBegun(1);
      watches[0]?.response.write('{"type":"ADDED","object":');
      await clock.advance(SILENCE);
      await watchesBegun(2);
      expect(silences()).toBe(1);
    });

    it('gives up one whose refusal never ends', async () => {
      const clock = new FakeClock();
      const { handler } = stub;
      let refusals = 0;
      stub.handler = (request, response) => {
        if (!request.query.has('watch') || refusals++ > 0) handler(request, response);
        else response.writeHead(503).write('{');
      };
      await run({ clock });
      await eventually(() => expect(refusals).toBe(1));
      await clock.advance(SILENCE);
      await watchesBegun(1);
    });

    it('fails at once where no connection comes about', async () => {
      const clock = new FakeClock();
      const { handler } = stub;
      await run({ clock });
      await watchesBegun(1);
      // As a connection that is taken and never answered: 5 s is what a head may take here.
      stub.handler = () => {};
      await clock.advance(SILENCE);
      await eventually(() => expect(listsAsked()).toBe(2));
      await clock.advance(5_000);
      await eventually(() => expect(failures()).toEqual(['Unavailable']));
      stub.handler = handler;
      await clock.advance(10_000);
      await watchesBegun(2);
    });

    it('stops without a word', async () => {
      const clock = new FakeClock();
      const made = await run({ clock });
      await watchesBegun(1);
      await made.stop();
      await clock.advance(SILENCE);
      expect([silences(), failures(), watches.length]).toEqual([0, [], 1]);
    });
  });

  it('says when it was last known to be current', async () => {
    const clock = new FakeClock();
    const made = await run({ clock });
    expect(made.lastSync()).toBe(0);
    await watchesBegun(1);
    const first = made.lastSync();
    expect(first).toBe(clock.now());
    await clock.advance(60_000);
    send('BOOKMARK', { metadata: { resourceVersion: '12' } });
    await eventually(() => expect(made.lastSync()).toBe(first + 60_000));
  });

  it('stops in the middle of anything', async () => {
    stub.handler = () => {};
    const made = await run();
    const synced = made.waitForSync();
    await eventually(() => expect(stub.requests).toHaveLength(1));
    await made.stop();
    await expect(synced).rejects.toThrow('stopped');
    expect(reports).toEqual([]);
  });

  it('lets a caller stop waiting for the first list', async () => {
    stub.handler = () => {};
    const waiting = (await run()).waitForSync(AbortSignal.timeout(10));
    await expect(waiting).rejects.toThrow('timeout');
  });
});
