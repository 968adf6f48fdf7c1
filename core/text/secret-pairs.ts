/** Secrets in a text that is no JSON, by the names that stand before them: in configurations, commands, queries and XML. */

import { isSecretContainer, isSecretMember, wordsOf } from './secret-names.ts';
import { REDACTED } from './secret-text.ts';

/** Lines of a configuration file or of an environment. */
const SETTINGS =
  /^([ \t]{0,64}(?:export[ \t]{1,8}|set[ \t]{1,8}|- )?["']?([A-Za-z_$][\w.$-]{0,63})["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)([^\s"'][^\r\n]*)$/gm;
/** Two lines of YAML, of which the first names what is in the second. */
const NAMED_LINES =
  /^([ \t]{0,64}(?:- )?(?:name|key):[ \t]{0,8}["']?([A-Za-z_][\w.-]{0,63})["']?[ \t]{0,8}\r?\n[ \t]{0,64}(?:value|default):[ \t]{0,8})([^\s][^\r\n]*)$/gm;
/** An element of XML with nothing but text in it. */
const ELEMENT =
  /(<(?:[\w-]{1,64}:)?([A-Za-z_][\w.-]{0,63})(?:\s[^<>]{0,512})?>\s{0,64}(?:<!\[CDATA\[)?)([^<>\]\s][^<\]]{0,4095})/g;
/** An element that is named by an attribute, with its text or with its attribute `value`. */
const NAMED_ELEMENT =
  /((?:name|key|id)=["']([^"'<>]{1,128})["'][^<>]{0,256}?(?:value=["']|>\s{0,64}))([^"'<>\s][^"'<>]{0,4095})/gi;
/** XML-RPC's member, a property list's entry. */
const NAMED_MEMBER =
  /(<(?:name|key)>\s{0,64}([^<>]{1,128})\s{0,64}<\/(?:name|key)>\s{0,64}(?:<[a-z]{1,16}>\s{0,64}){1,2})([^<>\s][^<>]{0,4095})/gi;
/** A name and what joins it to its value, within a line. */
const PAIR = /(?<![A-Za-z0-9])([A-Za-z_$][\w.$[\]-]{0,63})(["']?)([ \t]{0,4}[:=][ \t]{0,4})/g;
/** A value without quotes, as far as it goes in a command or a connection string. */
const BARE = /[^\s"'&;,<>()[\]{}]{1,4096}/y;

/** A value that says where the secret is, whether there is one, or of what type it is, and not what it is. */
const NO_SECRET =
  /^(?:true|false|null|none|yes|no|~|\[\]|\{\}|\$(?:[({][^\r\n]*)?|(?:str|string|bytes|any|undefined)[;,)]?(?: [=|][^\r\n]*)?)$/i;

/** The text with `[secret]` in the place of each value with the name of a secret. */
export function withoutSecretPairs(text: string): string {
  let clean = text;
  for (const pattern of [SETTINGS, NAMED_LINES, ELEMENT]) clean = replaced(clean, pattern);
  for (const pattern of [NAMED_ELEMENT, NAMED_MEMBER]) clean = replaced(clean, pattern, lastPart);
  return withoutPairsInLine(clean);
}

function replaced(text: string, pattern: RegExp, nameOf = (name: string) => name): string {
  return text.replace(pattern, (whole, head: string, name: string, value: string) =>
    value.startsWith(REDACTED) ||
    NO_SECRET.test(value.trim()) ||
    !isSecretMember(nameOf(name), value)
      ? whole
      : `${head}${REDACTED}`,
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Left to right, so that it takes linear time: what was looked at is not looked at again. */
function withoutPairsInLine(text: string): string {
  let clean = '';
  let done = 0;
  PAIR.lastIndex = 0;
  for (let match = PAIR.exec(text); match !== null; match = PAIR.exec(text)) {
    const [whole, name = '', closing = '', joint = ''] = match;
    // In the midst of a text a bare `key` says nothing.
    if (!isSecretContainer(name)) continue;
    const start = match.index + whole.length;
    const end = endOfValue(text, start, match.index, closing, joint);
    const value = text.slice(start, end);
    const quote = /^["']/.exec(value)?.[0] ?? '';
    const bare = value.slice(quote.length);
    const isCode = value === bare && joint === '=' && namesVariable(name, bare, text[end]);
    if (bare === '' || isCode || bare.includes(REDACTED) || NO_SECRET.test(bare)) continue;
    if (!isSecretMember(name, bare)) continue;
    clean += `${text.slice(done, start)}${quote}${REDACTED}`;
    done = end;
    PAIR.lastIndex = end;
  }
  return clean + text.slice(done);
}

/** In code a value is called like its parameter, or is made by a function: `token=args.token`, `password=getpass()`. */
function namesVariable(name: string, value: string, next: string | undefined): boolean {
  if (!/^[A-Za-z_][\w.]*$/.test(value)) return false;
  return next === '(' || wordsOf(value).at(-1) === wordsOf(name).at(-1);
}

/** Where the value that begins at `start` ends; `start` if there is none. A closing quote is no part of it. */
function endOfValue(
  text: string,
  start: number,
  nameAt: number,
  closing: string,
  joint: string,
): number {
  const first = text[start];
  if (first === '"' || first === "'") return endOfQuoted(text, start + 1, first);
  // `'X-Api-Key: abc'`: the whole pair is in quotes.
  const before = text[nameAt - 1];
  if (closing === '' && (before === '"' || before === "'")) return endOfQuoted(text, start, before);
  if (joint !== '=') return start;
  BARE.lastIndex = start;
  return BARE.test(text) ? BARE.lastIndex : start;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') {
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}
