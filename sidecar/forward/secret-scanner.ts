/** Finds secrets in a stream of bytes, wherever the chunks happen to be split. */

import type { SecretText } from '../credential/credential-type.ts';

/** Shorter runs would also occur by chance. */
const SHORTEST_PATTERN = 16;

interface Pattern {
  bytes: Buffer;
  /** Knuth-Morris-Pratt: for each length matched, the longest shorter match that is still possible. */
  fallback: Uint16Array;
}

/** The patterns of one credential; made once a call, used for its head, body and trailers. */
export class SecretPatterns {
  readonly patterns: readonly Pattern[];

  /**
   * Each text as it is, and parts of what of it nobody can know otherwise: as they are, in UTF-16, and within base64 at each
   * of the three alignments. In parts, because a page that repeats what it got up to a limit of its own may stop in the
   * middle, and the agent chooses where: it gets less than a third. Percent-, JSON- and HTML-encoding leave the alphabet of
   * a JWT as it is, and its base64 has no character in which base64url differs. What an upstream disguises on purpose is not
   * found: it may as well keep it.
   */
  constructor(texts: readonly SecretText[]) {
    this.patterns = texts
      .flatMap(patternTexts)
      .map((text) => Buffer.from(text, 'latin1'))
      .map((bytes) => ({ bytes, fallback: fallbackOf(bytes) }));
  }

  /** Whether one of them occurs in a text of single-byte characters. */
  occurIn(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1');
    return this.patterns.some((pattern) => bytes.includes(pattern.bytes));
  }
}

function patternTexts({ whole, unguessable }: SecretText): string[] {
  const encoded = [0, 1, 2].map((shift) => base64Core(unguessable, shift));
  // Of both byte orders, but for the zero byte at one end.
  const wide = thirdsOf(unguessable).map((part) => [...part].join('\0'));
  const parts = [...[unguessable, ...encoded].flatMap(thirdsOf), ...wide];
  return [whole, ...parts.filter((part) => part.length >= SHORTEST_PATTERN)];
}

function thirdsOf(text: string): string[] {
  const length = Math.floor(text.length / 3);
  return [0, 1, 2].map((part) => text.slice(part * length, (part + 1) * length));
}

/** The characters of the base64 of `??secret??` that depend on the secret alone, `shift` bytes after a boundary. */
function base64Core(secret: string, shift: number): string {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret, 'latin1')]);
  const start = Math.ceil((shift * 8) / 6);
  const end = Math.floor((bytes.length * 8) / 6);
  return bytes.toString('base64').slice(start, end);
}

function fallbackOf(bytes: Buffer): Uint16Array {
  const fallback = new Uint16Array(bytes.length + 1);
  let length = 0;
  for (let i = 1; i < bytes.length; i += 1) {
    while (length > 0 && bytes[i] !== bytes[length]) length = fallback[length] ?? 0;
    if (bytes[i] === bytes[length]) length += 1;
    fallback[i + 1] = length;
  }
  return fallback;
}

/** The longest end of `data` that is the beginning of the pattern. */
function partialMatch(data: Buffer, { bytes, fallback }: Pattern): number {
  let matched = 0;
  for (let i = Math.max(0, data.length - bytes.length + 1); i < data.length; i += 1) {
    while (matched > 0 && data[i] !== bytes[matched]) matched = fallback[matched] ?? 0;
    if (data[i] === bytes[matched]) matched += 1;
  }
  return matched;
}

/**
 * Lets bytes pass as soon as they cannot belong to a secret any more. Only an actual beginning of one is held back, so an
 * event stream flows event by event.
 */
export class SecretScanner {
  readonly #patterns: readonly Pattern[];
  #held: Buffer = Buffer.alloc(0);

  constructor(patterns: SecretPatterns) {
    this.#patterns = patterns.patterns;
  }

  /** What may pass now (perhaps nothing), or null: a secret is here, and nothing more may pass. */
  push(chunk: Buffer): Buffer | null {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let keep = 0;
    for (const pattern of this.#patterns) {
      if (data.includes(pattern.bytes)) return null;
      keep = Math.max(keep, partialMatch(data, pattern));
    }
    // A copy: a view would keep the whole chunk in memory.
    this.#held = Buffer.from(data.subarray(data.length - keep));
    return data.subarray(0, data.length - keep);
  }

  /** What was held back, once the stream is complete without a secret. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }
}
