/** A local, current copy of one resource: list, then watch, for ever. */

import { jitteredBackoffDelay } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { pause } from '../time/pause.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { KubernetesList, KubernetesObject, Live, Resource } from './object.ts';
import { type Change, ObjectStore, type Store } from './store.ts';

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

export function createReflector<T extends KubernetesObject, K extends KubernetesObject = T>(
  options: ReflectorOptions<T, K>,
): Reflector<T, K> {
  return new ListWatcher(options);
}

/** Of the first try; a page that is too large for one answer is asked for in parts. */
const pageSize = 500;
const pageDivisor = 10;
const retry = { firstMilliseconds: 200, maximumMilliseconds: 10_000 };
/** After as many watches that ended at once, doubt the version they start from. */
const failuresBeforeRelist = 5;
/** A watch that lived as long was a good one. */
const healthyMilliseconds = 5_000;
/** As client-go: a watch ends after 5 to 10 minutes, so that they spread over the API servers. */
const watchSeconds = { minimum: 300, spread: 300 };
/** How long after its own end a watch is taken for dead. */
const watchGraceMilliseconds = 30_000;

class ListWatcher<T extends KubernetesObject, K extends KubernetesObject>
  implements Reflector<T, K>
{
  readonly #options: ReflectorOptions<T, K>;
  readonly #random: () => number;
  readonly #store = new ObjectStore<K>();
  readonly #stopping = new AbortController();
  readonly #firstSync = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #dispatching = false;
  #synced = false;
  #lastSync = 0;
  #failures = 0;
  #mustList = true;
  #pageSize = pageSize;

  constructor(options: ReflectorOptions<T, K>) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    // Nobody has to wait for the first sync.
    this.#firstSync.promise.catch(() => undefined);
  }

  get size(): number {
    return this.#store.size;
  }

  get: Store<K>['get'] = (reference) => this.#store.get(reference);
  list: Store<K>['list'] = () => this.#store.list();
  index: Store<K>['index'] = (name, keys) => this.#store.index(name, keys);
  byIndex: Store<K>['byIndex'] = (name, key) => this.#store.byIndex(name, key);
  countByIndex: Store<K>['countByIndex'] = (name, key) => this.#store.countByIndex(name, key);

  observe(object: Live<T>): boolean {
    const taken = this.#store.observe(this.#options.keep(object));
    this.#dispatch();
    return taken;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#firstSync.reject(new Error('the reflector was stopped before its first list'));
    await this.#running;
  }

  hasSynced(): boolean {
    return this.#synced;
  }

  lastSync(): number {
    return this.#lastSync;
  }

  async waitForSync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#firstSync.promise, aborted.promise]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const healthy = (await this.#listIfNeeded()) && (await this.#watchOnce());
      if (healthy) this.#failures = 0;
      else await this.#backOff();
    }
  }

  async #listIfNeeded(): Promise<boolean> {
    if (!this.#mustList) return true;
    try {
      this.#store.beginList();
      const { items, version } = await this.#listAll();
      this.#store.replaceAll(items, version);
    } catch (error) {
      this.#report('ListFailed', error);
      return false;
    }
    this.#mustList = false;
    this.#synced = true;
    this.#proveCurrent();
    this.#options.report({ type: 'Listed', objects: this.#store.size });
    this.#firstSync.resolve();
    this.#dispatch();
    return true;
  }

  async #listAll(): Promise<{ items: Live<K>[]; version: string }> {
    for (;;) {
      try {
        return await this.#listPages(this.#pageSize);
      } catch (error) {
        // The snapshot was compacted between two pages: ask for all of it at once.
        if (isKubernetesError(error, 'Gone')) return this.#listPages(undefined);
        if (!isKubernetesError(error, 'TooLarge') || this.#pageSize === 1) throw error;
        this.#pageSize = Math.ceil(this.#pageSize / pageDivisor);
      }
    }
  }

  async #listPages(limit: number | undefined): Promise<{ items: Live<K>[]; version: string }> {
    const items: Live<K>[] = [];
    for (let next: string | undefined = ''; ; ) {
      const page: KubernetesList<T> = await this.#options.client.list(this.#options.resource, {
        ...this.#selection(),
        ...(limit === undefined ? {} : { limit }),
        ...(next ? { continue: next } : {}),
        signal: this.#stopping.signal,
      });
      items.push(...page.items.map((item) => this.#options.keep(item)));
      next = page.metadata.continue;
      if (!next) return { items, version: page.metadata.resourceVersion };
    }
  }

  /** @returns whether the next one may start at once. */
  async #watchOnce(): Promise<boolean> {
    const { client, resource, clock, keep } = this.#options;
    const began = clock.monotonic();
    const seconds = watchSeconds.minimum + Math.floor(this.#random() * watchSeconds.spread);
    const silent = new AbortController();
    const timer = clock.after(seconds * 1000 + watchGraceMilliseconds, () => silent.abort());
    let told = false;
    try {
      const events = client.watch(resource, {
        ...this.#selection(),
        resourceVersion: this.#store.version ?? '0',
        allowWatchBookmarks: true,
        timeoutSeconds: seconds,
        signal: AbortSignal.any([this.#stopping.signal, silent.signal]),
      });
      for await (const event of events) {
        if (event.type === 'BOOKMARK') this.#store.applyBookmark(event.resourceVersion);
        else if (event.type === 'DELETED') this.#store.applyDeleted(keep(event.object));
        else this.#store.applyPresent(keep(event.object));
        told = true;
        this.#failures = 0;
        this.#proveCurrent();
        this.#dispatch();
      }
    } catch (error) {
      // Something may have been missed that a watch from the last version would not tell.
      if (isKubernetesError(error, 'Gone', 'Malformed', 'BadRequest')) this.#mustList = true;
      this.#report('WatchFailed', error);
      return false;
    } finally {
      timer.cancel();
    }
    return told || clock.monotonic() - began >= healthyMilliseconds;
  }

  async #backOff(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#failures++;
    if (this.#failures >= failuresBeforeRelist) this.#mustList = true;
    const delay = jitteredBackoffDelay(retry, this.#failures, this.#random);
    await pause(this.#options.clock, delay, this.#stopping.signal);
  }

  #selection(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #proveCurrent(): void {
    this.#lastSync = this.#options.clock.now();
  }

  /** Also when called by a handler: what it caused comes after what it is being told. */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (let changes = this.#store.takeChanges(); changes.length > 0; ) {
      for (const change of changes) this.#tell(change);
      changes = this.#store.takeChanges();
    }
    this.#dispatching = false;
  }

  #tell(change: Change<K>): void {
    const { handlers } = this.#options;
    try {
      if (change.type === 'Add') handlers?.onAdd?.(change.object);
      else if (change.type === 'Delete') handlers?.onDelete?.(change.object);
      else handlers?.onUpdate?.(change.previous, change.object);
    } catch (error) {
      this.#report('HandlerFailed', error);
    }
  }

  #report(type: 'ListFailed' | 'WatchFailed' | 'HandlerFailed', error: unknown): void {
    if (this.#stopping.signal.aborted && isKubernetesError(error, 'Aborted')) return;
    this.#options.report({ type, error });
  }
}
