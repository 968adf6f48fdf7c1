/** Secrets inside JSON, each named by the pointer (RFC 6901) to it. */

import { canonicalJson, isRecord, JsonError, type JsonValue, parseStrictJson } from './json.ts';
import { isSecretContainer, isSecretMember, isSecretNumber } from './secret-names.ts';
import { REDACTED, withoutTokens } from './secret-text.ts';

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
/** Members that name what is in the member `value` beside them: environment variables, headers, patches, fields. */
const NAMING: readonly string[] = ['name', 'key', 'path', 'field', 'header'];
/** Of a Secret of Kubernetes, whatever its members are called. */
const SECRET_DATA: readonly string[] = ['data', 'stringData'];
const VALUES: readonly string[] = ['value', 'values', 'stringValue', 'defaultValue', 'default'];
const SCHEMA_TYPES: ReadonlySet<unknown> = new Set([
  'array',
  'boolean',
  'integer',
  'number',
  'object',
  'string',
]);
/** Lines of a configuration file or of an environment. */
const SETTINGS =
  /^([ \t]{0,64}(?:export[ \t]{1,8})?["']?([A-Za-z][\w.-]{0,63})["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)([^\s"'][^\r\n]*)$/gm;

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
  return clean({ value, name: '', pointer: '', inside: false }, found);
}

interface Place {
  value: JsonValue;
  /** Of the member that holds the value: its own, or that of the list it is in. */
  name: string;
  pointer: string;
  /** Whether a member around it says that what is inside is about a credential. */
  inside: boolean;
}

function clean(place: Place, found: (pointer: string) => unknown): JsonValue {
  const { value, name, pointer, inside } = place;
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      clean({ value: item, name, pointer: `${pointer}/${index}`, inside }, found),
    );
  }
  if (isRecord(value)) {
    const named = namedSecret(value);
    const within = inside || (isSecretContainer(name) && !isSchema(value));
    const isSecretObject = value['kind'] === 'Secret';
    const members: { [key: string]: JsonValue } = Object.create(null);
    for (const [key, member] of Object.entries(value) as [string, JsonValue][]) {
      members[key] = clean(
        {
          value: member,
          name: named !== undefined && VALUES.includes(key) ? named : key,
          pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
          inside:
            (within && !DESCRIPTIONS.has(key)) || (isSecretObject && SECRET_DATA.includes(key)),
        },
        found,
      );
    }
    return members;
  }
  const shown = shownScalar(place);
  if (shown !== value) found(pointer);
  return shown;
}

/** The name that a member of the object gives the value in another. A path or a pointer is named by its end. */
function namedSecret(object: Readonly<Record<string, unknown>>): string | undefined {
  for (const key of NAMING) {
    const name = object[key];
    if (typeof name !== 'string' || name.length > 256) continue;
    const end = name.slice(name.lastIndexOf('/') + 1);
    if (isSecretContainer(end)) return end;
  }
  return undefined;
}

/** A JSON Schema says of a member what it must be, and not what it is: tools of model calls have many. */
function isSchema(object: Readonly<Record<string, unknown>>): boolean {
  return SCHEMA_TYPES.has(object['type']) || Object.hasOwn(object, '$ref');
}

function shownScalar({ value, name, inside }: Place): JsonValue {
  if (typeof value === 'number') return isSecretNumber(name) ? REDACTED : value;
  if (typeof value !== 'string' || value === '') return value;
  return inside || isSecretMember(name, value) ? REDACTED : textWithoutSecrets(value);
}

/** A text without tokens; as JSON, as a configuration or as an environment also without what has the name of a secret. */
export function textWithoutSecrets(text: string): string {
  if (/^\s*[[{]/.test(text)) {
    try {
      const value = parseStrictJson(text);
      const shown = canonicalJson(withoutSecrets(value));
      if (shown !== canonicalJson(value)) return shown;
    } catch (error) {
      // It is no JSON, but may still be a configuration.
      if (!(error instanceof JsonError)) throw error;
    }
  }
  return withoutTokens(text).replace(SETTINGS, (line, head: string, name: string, value: string) =>
    value !== REDACTED && isSecretMember(name, value) ? `${head}${REDACTED}` : line,
  );
}
