import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

// RFC 9110 8.3.1: type/subtype with parameters, whose values are tokens or quoted strings. Many clients leave out the quotes that
// URLs and boundaries need; no reader takes such a value for anything else.
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const PARAMETER = `[ \\t]*;[ \\t]*(${TOKEN})=([^ \\t;,"\\\\]+|"(?:[^"\\\\]|\\\\.)*")`;
// No two runs of white space next to each other: on a long one they would take quadratic time.
const CONTENT_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})((?:${PARAMETER})*)(?:[ \\t]*;)?[ \\t]*$`);

const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`);

export interface MediaType {
  /** `type/subtype`, lower case. */
  essence: string;
  /** Parameters by lower-case name, values unquoted. */
  parameters: ReadonlyMap<string, string>;
}

/** @throws ProblemError HeaderRefused */
export function parseContentType(value: string): MediaType {
  const match = CONTENT_TYPE.exec(value);
  const essence = match?.[1]?.toLowerCase();
  if (essence === undefined) throw refuse(`"${printable(value)}" is not a media type`);
  const parameters = new Map<string, string>();
  for (const [, name = '', text = ''] of (match?.[2] ?? '').matchAll(new RegExp(PARAMETER, 'g'))) {
    const key = name.toLowerCase();
    if (parameters.has(key)) throw refuse(`the parameter ${key} appears twice`);
    parameters.set(key, text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text);
  }
  return { essence, parameters };
}

/** As a header. @param parameters those that differ from the type's own */
export function formatContentType(
  { essence, parameters }: MediaType,
  differing: ReadonlyMap<string, string>,
): string {
  return [
    essence,
    ...[...new Map([...parameters, ...differing])].map(
      ([name, value]) => `${name}=${WHOLE_TOKEN.test(value) ? value : quoted(value)}`,
    ),
  ].join('; ');
}

function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/** Whether a body of this type is JSON (RFC 6839 for the suffix), and its bytes are the text that we read. */
export function isJson(type: MediaType): boolean {
  if (type.essence !== 'application/json' && !type.essence.endsWith('+json')) return false;
  const charset = type.parameters.get('charset');
  // RFC 8259 8.1: JSON is UTF-8. In UTF-16 or UTF-7 the same bytes would be another text.
  return charset === undefined || /^utf-?8$/i.test(charset);
}

function refuse(reason: string): ProblemError {
  return new ProblemError('HeaderRefused', `Content-Type: ${reason}.`, { field: 'content-type' });
}
