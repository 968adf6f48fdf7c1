/**
 * A map of at most so many entries: beyond them, the entry that was set longest ago goes. To keep what is used, and not only
 * what is new, set it again at each use.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #capacity: number;

  constructor(capacity: number) {
    super();
    this.#capacity = capacity;
  }

  /** The entry becomes the newest, also when the key was there before. */
  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    for (const oldest of this.keys()) {
      if (this.size <= this.#capacity) break;
      this.delete(oldest);
    }
    return this;
  }
}
