/** Secrets inside JSON, each named by the pointer (RFC 6901) to it. */

import { canonicalJson, isRecord, JsonError, type JsonValue, parseStrictJson } from './json.ts';
import {
  isSecretContainer,
  isSecretMember,
  isSecretNumber,
  isSecretParameter,
} from './secret-names.ts';
import { withoutSecretPairs } from './secret-pairs.ts';
import { decoded, REDACTED, withoutTokens } from './secret-text.ts';

/** What is told about secrets even inside `credentials: {…}`: what they are called, and where they are. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([
  'apiVersion',
  'audience',
  'email',
  'items',
  'kind',
  'login',
  'name',
  'namespace',
  'path',
  'provider',
  'scope',
  'secretName',
  'type',
  'user',
  'username',
]);
/**
 * Members that name what is in the member `value` beside them: environment variables, headers, patches, fields. In lower case and
 * without what joins their words: AWS writes `Name` and `ParameterKey`.
 */
const NAMING: ReadonlySet<string> = new Set([
  'attributename',
  'field',
  'header',
  'id',
  'key',
  'label',
  'name',
  'optionname',
  'parameterkey',
  'parametername',
  'path',
  'purpose',
  'variable',
]);
/** Of a Secret of Kubernetes, whatever its members are called. */
const SECRET_DATA: readonly string[] = ['data', 'stringData'];
const VALUES: ReadonlySet<string> = new Set([
  'attributevalue',
  'default',
  'defaultvalue',
  'parametervalue',
  'stringvalue',
  'value',
  'values',
]);
/** What says of the value beside it that it is secret, whatever it is called. */
const SENSITIVE_FLAGS: ReadonlySet<string> = new Set([
  'hidden',
  'issecret',
  'issensitive',
  'masked',
  'secret',
  'secure',
  'sensitive',
]);
const SENSITIVE_TYPES = /^(?:secure_?string|secret|sensitive|password|encrypted|secure)$/i;
/** An option of a command, with or without its value. */
const OPTION = /^--?([A-Za-z][\w-]{0,63})$/;
const SCHEMA_TYPES: ReadonlySet<unknown> = new Set([
  'array',
  'boolean',
  'integer',
  'number',
  'object',
  'string',
]);
/** About what a number or a short word takes, with what is around it. */
const SCALAR_CHARACTERS = 4;

/** The pointers to every secret in the value, in its order. */
export function secretPointers(value: JsonValue): string[] {
  const found: string[] = [];
  withoutSecrets(value, (pointer) => found.push(pointer));
  return found;
}

/** The value with `[secret]` in the place of each secret. @param found is told the pointer to each */
export function withoutSecrets(
  value: JsonValue,
  found: (pointer: string) => unknown = () => undefined,
): JsonValue {
  return clean(WHOLE(value), { found, left: Number.POSITIVE_INFINITY, isCut: false });
}

/**
 * The beginning of a value, about so many characters of it, with `[secret]` in the place of each secret: what nobody will see is
 * not looked at. What a member is about is told by the whole of what is around it.
 */
export function beginningWithoutSecrets(
  value: JsonValue,
  characters: number,
): { shown: JsonValue; isWhole: boolean } {
  const walk: Walk = { found: () => undefined, left: characters, isCut: false };
  const shown = clean(WHOLE(value), walk);
  return { shown, isWhole: !walk.isCut };
}

/** A way through a value, from its beginning. */
interface Walk {
  found(pointer: string): unknown;
  /** Characters. */
  left: number;
  /** Whether something was left out. */
  isCut: boolean;
}

const WHOLE = (value: JsonValue): Place => ({ value, name: '', pointer: '', inside: false });

interface Place {
  value: JsonValue;
  /** Of the member that holds the value: its own, or that of the list it is in. */
  name: string;
  pointer: string;
  /** Whether a member around it says that what is inside is about a credential. */
  inside: boolean;
}

function clean(place: Place, walk: Walk): JsonValue {
  const { value, name, pointer, inside } = place;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const [index, item] of value.entries()) {
      if (isOver(walk)) break;
      items.push(
        clean(
          {
            value: item,
            name: secretOption(value[index - 1], item) ?? name,
            pointer: `${pointer}/${index}`,
            inside,
          },
          walk,
        ),
      );
    }
    return items;
  }
  if (isRecord(value)) {
    const named = namedSecret(value);
    const isSensitive = saysSensitive(value);
    const within = inside || (isSecretContainer(name) && !isSchema(value));
    const isSecretObject = value['kind'] === 'Secret';
    const members: { [key: string]: JsonValue } = Object.create(null);
    for (const [key, member] of Object.entries(value) as [string, JsonValue][]) {
      if (isOver(walk)) break;
      walk.left -= key.length;
      members[key] = clean(
        {
          value: member,
          name: named !== undefined && VALUES.has(plain(key)) ? named : key,
          pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
          inside:
            (within && !DESCRIPTIONS.has(key)) ||
            (isSecretObject && SECRET_DATA.includes(key)) ||
            (isSensitive && VALUES.has(plain(key))),
        },
        walk,
      );
    }
    return members;
  }
  const shown = shownScalar(place, walk);
  if (shown !== value) walk.found(pointer);
  return shown;
}

/** Whether nothing more is looked at. */
function isOver(walk: Walk): boolean {
  if (walk.left > 0) return false;
  walk.isCut = true;
  return true;
}

/** The name that a member of the object gives the value in another. A path or a pointer is named by its end. */
function namedSecret(object: Readonly<Record<string, unknown>>): string | undefined {
  for (const [key, name] of Object.entries(object)) {
    if (typeof name !== 'string' || name.length > 256 || !NAMING.has(plain(key))) continue;
    const end = name.slice(name.lastIndexOf('/') + 1);
    if (isSecretContainer(end)) return end;
  }
  return undefined;
}

/** `{"type": "SecureString", "value": …}`, `{"sensitive": true, "value": …}`. */
function saysSensitive(object: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(object).some(([key, value]) =>
    plain(key) === 'type'
      ? typeof value === 'string' && SENSITIVE_TYPES.test(value)
      : value === true && SENSITIVE_FLAGS.has(plain(key)),
  );
}

/** The name of an option of a command, if it is that of a secret and the item behind it is its value: `["--token", "x"]`. */
function secretOption(before: JsonValue | undefined, item: JsonValue): string | undefined {
  if (typeof before !== 'string' || typeof item !== 'string' || item.startsWith('-')) {
    return undefined;
  }
  const [, option] = OPTION.exec(before) ?? [];
  return option !== undefined && isSecretContainer(option) ? option : undefined;
}

function plain(key: string): string {
  return key.toLowerCase().replace(/[^a-z]/g, '');
}

/** A JSON Schema says of a member what it must be, and not what it is: tools of model calls have many. */
function isSchema(object: Readonly<Record<string, unknown>>): boolean {
  return SCHEMA_TYPES.has(object['type']) || Object.hasOwn(object, '$ref');
}

function shownScalar({ value, name, inside }: Place, walk: Walk): JsonValue {
  walk.left -= SCALAR_CHARACTERS;
  if (typeof value === 'number') return isSecretNumber(name) ? REDACTED : value;
  if (typeof value !== 'string' || value === '') return value;
  if (inside || isSecretMember(name, value)) return REDACTED;
  return beginningOf(value, walk);
}

function beginningOf(text: string, walk: Walk): string {
  if (text.length <= walk.left) {
    walk.left -= text.length;
    return textWithoutSecrets(text);
  }
  // Of JSON, what a member is about is told by the whole of it.
  const value = jsonOf(text);
  if (value !== undefined) return canonicalJson(clean(WHOLE(value), walk));
  walk.isCut = true;
  // Up to white space: what was cut may be a part of a secret, and nothing tells any more what it is.
  let end = Math.max(0, walk.left);
  while (end > 0 && !/\s/.test(text.charAt(end))) end -= 1;
  walk.left = 0;
  return textWithoutSecrets(text.slice(0, end));
}

/** A text without tokens; as JSON, as a configuration, as XML or as a command also without what has the name of a secret. */
export function textWithoutSecrets(text: string): string {
  const value = jsonOf(text);
  if (value !== undefined) {
    const shown = canonicalJson(withoutSecrets(value));
    if (shown !== canonicalJson(value)) return shown;
  }
  return withoutSecretPairs(withoutTokens(text));
}

/** Undefined: it is no JSON with members or items, but may still be a configuration. */
function jsonOf(text: string): JsonValue | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** The text of a form (application/x-www-form-urlencoded) with `[secret]` in the place of each secret. */
export function formWithoutSecrets(form: string): string {
  return form
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals === -1) return withoutTokens(pair);
      const [name, value] = [pair.slice(0, equals), decoded(pair.slice(equals + 1))];
      if (value === '') return pair;
      if (isSecretParameter(decoded(name), value)) return `${name}=${REDACTED}`;
      const shown = textWithoutSecrets(value);
      return shown === value ? pair : `${name}=${shown}`;
    })
    .join('&');
}
