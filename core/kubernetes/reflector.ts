/** A local, current copy of one resource: list, then watch, for ever. */

import { backoffDelay } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { pause } from '../time/pause.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { KubernetesObject, Live, Resource } from './object.ts';
import { createPager } from './pager.ts';
import { type Change, ObjectStore, type Store } from './store.ts';
import type { WatchEvent } from './watch.ts';

/** Called in the order of the changes. What a handler throws is reported and changes nothing. */
export interface ReflectorHandlers<T extends KubernetesObject> {
  onAdd?(object: Live<T>): void;
  onUpdate?(previous: Live<T>, current: Live<T>): void;
  /** With the last known state. */
  onDelete?(lastKnown: Live<T>): void;
}

/** What a reflector tells its owner. It goes on in every case. */
export type ReflectorReport =
  | { type: 'ListFailed' | 'WatchFailed' | 'HandlerFailed'; error: unknown }
  /** The API server has sent nothing for so long, though it promises bookmarks; the watch is opened anew. */
  | { type: 'WatchSilent'; milliseconds: number }
  | { type: 'Listed'; objects: number };

export interface ReflectorOptions<T extends KubernetesObject, K extends KubernetesObject = T> {
  client: Pick<KubernetesClient, 'list' | 'watch'>;
  resource: Resource<T>;
  /**
   * What is kept of an object: the parts that somebody reads. Whoever may write objects decides how large they are, and all of
   * them are in memory.
   */
  keep(object: Live<T>): Live<K>;
  clock: Clock;
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  handlers?: ReflectorHandlers<K>;
  report: (report: ReflectorReport) => void;
  /** In [0, 1). Default Math.random. */
  random?: () => number;
}

/**
 * The store is never older than what it showed before, and two things are never missed: the
 * deletion of an object, and its replacement by another of the same name.
 */
export interface Reflector<T extends KubernetesObject, K extends KubernetesObject = T>
  extends Store<K> {
  start(): void;
  /** Ends the watch; resolves when nothing more will be called. */
  stop(): Promise<void>;
  /** True once the first list is in the store. */
  hasSynced(): boolean;
  /** Resolves at the first sync; rejects when the signal fires or the reflector stops before. */
  waitForSync(signal?: AbortSignal): Promise<void>;
  /** Wall-clock time (ms) of the last proof that the copy was current; 0 before the first. */
  lastSync(): number;
  /**
   * Puts the answer of a call of our own into the store, if it is fresher than what is there:
   * same UID and newer resourceVersion, or an object that the watch has not reached yet. Never
   * brings back a deleted UID. Handlers see it as any other change.
   * @returns whether it was taken.
   */
  observe(object: Live<T>): boolean;
}

const RETRY = { firstMilliseconds: 200, maximumMilliseconds: 10_000 };
/** After so many watches that ended at once, the version that they start from is doubted. */
const FAILURES_BEFORE_RELIST = 5;
/** A watch that lived so long was a good one. */
const HEALTHY_MILLISECONDS = 5_000;
/** As client-go: a watch ends after 5 to 10 minutes, so that watches spread over the API servers. */
const WATCH_SECONDS = { minimum: 300, spread: 300 };
/**
 * How long a watch may send nothing before it is taken for dead. An API server sends each watch a bookmark a minute
 * (`defaultBookmarkFrequency` of its cacher), 1.25 s late at most. What has died without a word (a load balancer that forgot the
 * connection, a proxy that holds back) is noticed, and a new connection is tried, within 90 s.
 */
const SILENCE_MILLISECONDS = 75_000;

export function createReflector<T extends KubernetesObject, K extends KubernetesObject = T>(
  options: ReflectorOptions<T, K>,
): Reflector<T, K> {
  const { client, resource, keep, clock, handlers, random = Math.random } = options;
  const { namespace, labelSelector, fieldSelector } = options;
  const selection = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
  const store = new ObjectStore<K>();
  const stopping = new AbortController();
  const pager = createPager({ client, resource, keep, selection, signal: stopping.signal });
  const firstSync = Promise.withResolvers<void>();
  // Nobody has to wait for the first sync.
  firstSync.promise.catch(() => undefined);
  let running: Promise<void> | undefined;
  let dispatching = false;
  let synced = false;
  let lastSync = 0;
  let failures = 0;
  let mustList = true;

  const report = (type: 'ListFailed' | 'WatchFailed' | 'HandlerFailed', error: unknown): void => {
    if (stopping.signal.aborted && isKubernetesError(error, 'Aborted')) return;
    options.report({ type, error });
  };

  const tell = (change: Change<K>): void => {
    try {
      if (change.type === 'Add') handlers?.onAdd?.(change.object);
      else if (change.type === 'Delete') handlers?.onDelete?.(change.object);
      else handlers?.onUpdate?.(change.previous, change.object);
    } catch (error) {
      report('HandlerFailed', error);
    }
  };

  /** Also called by handlers: what a handler caused is told after what it is being told. */
  const dispatch = (): void => {
    if (dispatching) return;
    dispatching = true;
    for (let changes = store.takeChanges(); changes.length > 0; ) {
      for (const change of changes) tell(change);
      changes = store.takeChanges();
    }
    dispatching = false;
  };

  const proveCurrent = (): void => {
    lastSync = clock.now();
  };

  const listIfNeeded = async (): Promise<boolean> => {
    if (!mustList) return true;
    try {
      store.beginList();
      const { items, version } = await pager.list();
      store.replaceAll(items, version);
    } catch (error) {
      report('ListFailed', error);
      return false;
    }
    mustList = false;
    synced = true;
    proveCurrent();
    options.report({ type: 'Listed', objects: store.size });
    firstSync.resolve();
    dispatch();
    return true;
  };

  const apply = (event: WatchEvent<T>): void => {
    if (event.type === 'BOOKMARK') store.applyBookmark(event.resourceVersion);
    else if (event.type === 'DELETED') store.applyDeleted(keep(event.object));
    else store.applyPresent(keep(event.object));
    failures = 0;
    proveCurrent();
    dispatch();
  };

  /** @returns whether the next one may start at once */
  const watchOnce = async (): Promise<boolean> => {
    const began = clock.monotonic();
    const seconds = WATCH_SECONDS.minimum + Math.floor(random() * WATCH_SECONDS.spread);
    const silent = new AbortController();
    const giveUp = (): void => silent.abort();
    let timer = clock.after(SILENCE_MILLISECONDS, giveUp);
    let told = false;
    try {
      const events = client.watch(resource, {
        ...selection,
        resourceVersion: store.version ?? '0',
        allowWatchBookmarks: true,
        timeoutSeconds: seconds,
        signal: AbortSignal.any([stopping.signal, silent.signal]),
      });
      for await (const event of events) {
        told = true;
        timer.cancel();
        timer = clock.after(SILENCE_MILLISECONDS, giveUp);
        apply(event);
      }
    } catch (error) {
      if (silent.signal.aborted && !stopping.signal.aborted) {
        // Between us and the API server may be something that passes lists on and holds watches back.
        if (!told) mustList = true;
        options.report({ type: 'WatchSilent', milliseconds: SILENCE_MILLISECONDS });
        return true;
      }
      // Something may have been missed that a watch from the last version would not tell.
      if (isKubernetesError(error, 'Gone', 'Malformed', 'BadRequest')) mustList = true;
      report('WatchFailed', error);
      return false;
    } finally {
      timer.cancel();
    }
    return told || clock.monotonic() - began >= HEALTHY_MILLISECONDS;
  };

  const backOff = async (): Promise<void> => {
    if (stopping.signal.aborted) return;
    failures++;
    if (failures >= FAILURES_BEFORE_RELIST) mustList = true;
    await pause(clock, backoffDelay(RETRY, failures, random), stopping.signal);
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const healthy = (await listIfNeeded()) && (await watchOnce());
      if (healthy) failures = 0;
      else await backOff();
    }
  };

  return {
    get size() {
      return store.size;
    },
    get: (reference) => store.get(reference),
    list: () => store.list(),
    index: (name, keys) => store.index(name, keys),
    byIndex: (name, key) => store.byIndex(name, key),
    countByIndex: (name, key) => store.countByIndex(name, key),
    observe(object) {
      const taken = store.observe(keep(object));
      dispatch();
      return taken;
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      firstSync.reject(new Error('the reflector was stopped before its first list'));
      await running;
    },
    hasSynced: () => synced,
    async waitForSync(signal) {
      signal?.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([firstSync.promise, aborted.promise]);
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    lastSync: () => lastSync,
  };
}
