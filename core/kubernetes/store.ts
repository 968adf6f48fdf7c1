/**
 * The objects of a reflector. It knows the order of things, and nothing of time or network: an object never goes back to an
 * older state, and a deleted one never comes back.
 */

import {
  compareResourceVersions,
  type KubernetesObject,
  keyOf,
  type Live,
  type ObjectReference,
  referenceOf,
} from './object.ts';
import { StoreIndex } from './store-index.ts';

export type Change<T extends KubernetesObject> =
  | { type: 'Add'; object: Live<T> }
  | { type: 'Update'; previous: Live<T>; object: Live<T> }
  | { type: 'Delete'; object: Live<T> };

/** Objects are shared: never change one. */
export interface Store<T extends KubernetesObject> {
  get(reference: ObjectReference): Live<T> | undefined;
  list(): Live<T>[];
  readonly size: number;
  /** Registers an index; objects already there are indexed at once. */
  index(name: string, keys: (object: Live<T>) => readonly string[]): void;
  byIndex(name: string, key: string): Live<T>[];
  /** How many `byIndex` would return, without a copy of them. */
  countByIndex(name: string, key: string): number;
}

interface Entry<T extends KubernetesObject> {
  object: Live<T>;
  /** Of the lists begun, how many when this state came from a call of our own; else -1. */
  observedInList: number;
}

/** UIDs of deleted objects remembered. Fewer objects than this are deleted between any call and its answer. */
const DELETED_LIMIT = 10_000;

export class ObjectStore<T extends KubernetesObject> implements Store<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #indexes = new Map<string, StoreIndex<T>>();
  /** UIDs, the oldest deletion first. */
  readonly #deleted = new Set<string>();
  #changes: Change<T>[] = [];
  #version: string | undefined;
  #listsBegun = 0;

  /** The changes since the last call, in their order. */
  takeChanges(): Change<T>[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Every change up to this resourceVersion is in the store; undefined before the first list. */
  get version(): string | undefined {
    return this.#version;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(reference: ObjectReference): Live<T> | undefined {
    return this.#entries.get(keyOf(reference))?.object;
  }

  list(): Live<T>[] {
    return Array.from(this.#entries.values(), ({ object }) => object);
  }

  index(name: string, keys: (object: Live<T>) => readonly string[]): void {
    const index = new StoreIndex(keys);
    this.#indexes.set(name, index);
    for (const [key, { object }] of this.#entries) index.add(key, object);
  }

  byIndex(name: string, key: string): Live<T>[] {
    return [...(this.#indexed(name, key)?.values() ?? [])];
  }

  countByIndex(name: string, key: string): number {
    return this.#indexed(name, key)?.size ?? 0;
  }

  #indexed(name: string, key: string): ReadonlyMap<string, Live<T>> | undefined {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`there is no index ${name}`);
    return index.get(key);
  }

  /** Call it when a list is asked for; `replaceAll` with its answer. */
  beginList(): void {
    this.#listsBegun++;
  }

  /** Takes a complete list: what it lacks is gone, what has another UID was made anew. */
  replaceAll(items: readonly Live<T>[], version: string): void {
    const listed = new Set<string>();
    this.#version = version;
    for (const item of items) {
      const key = keyOf(referenceOf(item));
      listed.add(key);
      if (!this.#fresherThanList(key, version)) this.#put(item, -1);
    }
    for (const [key, { object }] of this.#entries) {
      if (!listed.has(key) && !this.#fresherThanList(key, version)) this.#remove(key, object);
    }
  }

  /**
   * Whether what is stored was answered to us while the list was under way and is newer than it.
   * Other newer states than a list's do not exist, unless etcd was restored from a backup: then the list is right.
   */
  #fresherThanList(key: string, version: string): boolean {
    const entry = this.#entries.get(key);
    return (
      entry !== undefined &&
      entry.observedInList === this.#listsBegun &&
      compareResourceVersions(entry.object.metadata.resourceVersion, version) > 0
    );
  }

  /** Takes a watch's ADDED or MODIFIED. */
  applyPresent(object: Live<T>): void {
    this.#advance(object.metadata.resourceVersion);
    const stored = this.get(referenceOf(object));
    if (stored) {
      // An answer to a call of our own was faster than the watch.
      const order = compareResourceVersions(
        object.metadata.resourceVersion,
        stored.metadata.resourceVersion,
      );
      if (order <= 0) return;
    }
    this.#put(object, -1);
  }

  /** Takes a watch's DELETED. */
  applyDeleted(object: Live<T>): void {
    this.#advance(object.metadata.resourceVersion);
    const reference = referenceOf(object);
    const stored = this.get(reference);
    // Another UID: its successor is known already, and so was its deletion.
    if (stored?.metadata.uid === object.metadata.uid) this.#remove(keyOf(reference), object);
    else this.#rememberDeleted(object.metadata.uid);
  }

  /** Takes a watch's BOOKMARK. */
  applyBookmark(version: string): void {
    this.#advance(version);
  }

  /** See Reflector.observe. */
  observe(object: Live<T>): boolean {
    const { uid, resourceVersion } = object.metadata;
    if (this.#deleted.has(uid)) return false;
    const stored = this.get(referenceOf(object));
    if (stored && !isNewer(resourceVersion, stored.metadata.resourceVersion)) return false;
    if (stored?.metadata.uid !== uid) {
      // Not there, or under this UID not there. Up to #version everything is known, so at
      // #version it had been deleted; a later state is one that the watch has yet to tell.
      if (this.#version === undefined || !isNewer(resourceVersion, this.#version)) return false;
    }
    this.#put(object, this.#listsBegun);
    return true;
  }

  #advance(version: string): void {
    if (this.#version === undefined || !(compareResourceVersions(version, this.#version) < 0)) {
      this.#version = version;
    }
  }

  #put(object: Live<T>, observedInList: number): void {
    const key = keyOf(referenceOf(object));
    const previous = this.#entries.get(key)?.object;
    if (previous && previous.metadata.uid !== object.metadata.uid) {
      this.#remove(key, previous);
      this.#put(object, observedInList);
      return;
    }
    // Lists and watches are the truth, also when a restored backup brings a UID back.
    this.#deleted.delete(object.metadata.uid);
    this.#entries.set(key, { object, observedInList });
    for (const index of this.#indexes.values()) {
      if (previous) index.remove(key, previous);
      index.add(key, object);
    }
    if (!previous) this.#changes.push({ type: 'Add', object });
    else if (previous.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.#changes.push({ type: 'Update', previous, object });
    }
  }

  #remove(key: string, lastKnown: Live<T>): void {
    const stored = this.#entries.get(key)?.object;
    if (!stored) return;
    this.#entries.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, stored);
    this.#rememberDeleted(stored.metadata.uid);
    this.#changes.push({ type: 'Delete', object: lastKnown });
  }

  #rememberDeleted(uid: string): void {
    this.#deleted.add(uid);
    if (this.#deleted.size <= DELETED_LIMIT) return;
    const [oldest] = this.#deleted;
    if (oldest !== undefined) this.#deleted.delete(oldest);
  }
}

/** False also when the versions cannot be compared: then only the watch may say. */
function isNewer(version: string, than: string): boolean {
  return compareResourceVersions(version, than) > 0;
}
