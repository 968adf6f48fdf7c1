import type { Dispatcher } from 'undici';
import type { HeaderPair } from '../../core/text/header-pair.ts';

/**
 * Headers in their order, names in lower case, values without white space around them (RFC 9110 5.5). Undici gives raw pairs on
 * HTTP/1 and an object on HTTP/2.
 */
export function headerPairs(raw: Dispatcher.DispatchController['rawHeaders']): HeaderPair[] {
  const result: HeaderPair[] = [];
  if (Array.isArray(raw)) {
    for (let i = 0; i + 1 < raw.length; i += 2) {
      result.push([text(raw[i]).toLowerCase(), trimmed(text(raw[i + 1]))]);
    }
  } else {
    for (const [name, value] of Object.entries(raw ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) result.push([name.toLowerCase(), one]);
      }
    }
  }
  return result;
}

function text(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : (bytes?.toString('latin1') ?? '');
}

/** By hand: `trim` would take a no-break space too, and an expression its time with many. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) start += 1;
  while (end > start && isBlank(value[end - 1])) end -= 1;
  return value.slice(start, end);
}

const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t';
