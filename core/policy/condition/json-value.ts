/**
 * JSON as a condition reads it. Objects are Maps: of a plain object with a member `constructor` the engine makes an error, so that
 * the agent would choose which conditions fail. Made as far as it is looked at: most conditions read one member of a large body.
 */

import type { JsonValue } from '../../text/json.ts';

export type ConditionValue =
  | null
  | boolean
  | number
  | string
  | ConditionValue[]
  | Map<string, ConditionValue>;

/** Of each container that was made: what it was made of. */
const SOURCES = new WeakMap<object, JsonValue>();
const WEIGHTS = new WeakMap<object, number>();

/** @param json of the strict parser, which bounds how many values it has and how deep they are nested */
export function conditionValue(json: JsonValue): ConditionValue {
  if (typeof json !== 'object' || json === null) return json;
  const container = Array.isArray(json) ? json.map(conditionValue) : new JsonMap(json);
  SOURCES.set(container, json);
  return container;
}

/** The units that it takes to look at all of a container; undefined for what is not from a body. Counted once. */
export function weightOf(container: object): number | undefined {
  const source = SOURCES.get(container);
  return source === undefined ? undefined : weightOfJson(source);
}

function weightOfJson(json: JsonValue): number {
  if (typeof json === 'string') return 1 + (json.length >> 4);
  if (typeof json !== 'object' || json === null) return 1;
  const known = WEIGHTS.get(json);
  if (known !== undefined) return known;
  let weight = 1;
  for (const each of Object.values(json)) weight += weightOfJson(each);
  WEIGHTS.set(json, weight);
  return weight;
}

/** Its members are converted when they are asked for. */
class JsonMap extends Map<string, ConditionValue> {
  readonly #members: { readonly [key: string]: JsonValue };
  #names: readonly string[] | undefined;

  constructor(members: { readonly [key: string]: JsonValue }) {
    super();
    this.#members = members;
  }

  override get size(): number {
    this.#names ??= Object.keys(this.#members);
    return this.#names.length;
  }

  override has(key: string): boolean {
    return Object.hasOwn(this.#members, key);
  }

  override get(key: string): ConditionValue | undefined {
    const made = super.get(key);
    if (made !== undefined) return made;
    const member = this.has(key) ? this.#members[key] : undefined;
    if (member === undefined) return undefined;
    const value = conditionValue(member);
    super.set(key, value);
    return value;
  }

  override *keys(): MapIterator<string> {
    yield* Object.keys(this.#members);
  }

  override *values(): MapIterator<ConditionValue> {
    for (const key of Object.keys(this.#members)) yield this.get(key) as ConditionValue;
  }

  override *entries(): MapIterator<[string, ConditionValue]> {
    for (const key of Object.keys(this.#members)) yield [key, this.get(key) as ConditionValue];
  }

  override [Symbol.iterator](): MapIterator<[string, ConditionValue]> {
    return this.entries();
  }
}

// The engine knows what a value is by its constructor, and takes no other class for a map.
Object.defineProperty(JsonMap.prototype, 'constructor', { value: Map });
