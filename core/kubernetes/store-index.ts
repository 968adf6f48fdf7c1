import type { KubernetesObject, Live } from './object.ts';

/** Objects of a store by what somebody looks for them by: a value leads to all objects that have it. */
export class StoreIndex<T extends KubernetesObject> {
  readonly #valuesOf: (object: Live<T>) => readonly string[];
  readonly #entries = new Map<string, Map<string, Live<T>>>();

  /** @param valuesOf under which values an object is found; always the same for the same state of an object */
  constructor(valuesOf: (object: Live<T>) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  /** The objects with this value, by their keys; undefined: there is none. */
  get(value: string): ReadonlyMap<string, Live<T>> | undefined {
    return this.#entries.get(value);
  }

  add(key: string, object: Live<T>): void {
    for (const value of this.#valuesOf(object)) {
      const objects = this.#entries.get(value) ?? new Map<string, Live<T>>();
      this.#entries.set(value, objects.set(key, object));
    }
  }

  remove(key: string, object: Live<T>): void {
    for (const value of this.#valuesOf(object)) {
      const objects = this.#entries.get(value);
      objects?.delete(key);
      if (objects?.size === 0) this.#entries.delete(value);
    }
  }
}
