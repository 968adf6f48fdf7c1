/** Paths in a rule: `*` is one segment, a last `/**` everything below, and the path itself. */

import { positionIn } from '../text/position.ts';
import { type CallPath, canonicalSegments, looseSegments } from './call/path.ts';
import type { Findings } from './finding.ts';

export interface PathPattern {
  readonly canonical: Segments;
  readonly loose: Segments;
}

interface Segments {
  readonly segments: readonly string[];
  /** Whether more segments may follow. */
  readonly rest: boolean;
}

/** It is no segment of a call: `/` cannot be in one. */
const ONE = '/*';

// RFC 3986 3.3, and complete percent-encodings.
const CHARACTERS = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*/;

export function readPaths(
  paths: readonly string[],
  field: string,
  findings: Findings,
): PathPattern[] {
  if (paths.length === 0) findings.error(field, 'is empty', 'write "/**" for every path');
  return paths.flatMap((text, index) => {
    const pattern = readPath(text, `${field}[${index}]`, findings);
    return pattern === undefined ? [] : [pattern];
  });
}

function readPath(text: string, field: string, findings: Findings): PathPattern | undefined {
  const wrong = firstMistake(text);
  if (wrong !== undefined) {
    findings.error(field, wrong.reason, wrong.wayOut, positionIn(text, wrong.at));
    return undefined;
  }
  const rest = text.endsWith('/**');
  const fixed = rest ? text.slice(0, -3) : text;
  const canonical = fixed === '' ? [] : canonicalSegments(fixed);
  return {
    canonical: { segments: canonical.map((part) => (part === '*' ? ONE : part)), rest },
    loose: {
      segments: looseSegments(fixed).map((part) => (part === '*' ? ONE : part)),
      rest,
    },
  };
}

interface Mistake {
  readonly at: number;
  readonly reason: string;
  readonly wayOut: string;
}

function firstMistake(text: string): Mistake | undefined {
  if (text === '*') {
    return { at: 0, reason: 'is no path', wayOut: 'write "/**" for every path' };
  }
  if (!text.startsWith('/')) {
    return { at: 0, reason: 'does not begin with "/"', wayOut: 'write the whole path of the URL' };
  }
  const legal = CHARACTERS.exec(text)?.[0].length ?? 0;
  if (legal < text.length) {
    const reason = 'has a character that no path has';
    return text[legal] === '?'
      ? { at: legal, reason, wayOut: 'leave the query out, and use the field query or when' }
      : { at: legal, reason, wayOut: 'percent-encode it as calls have it' };
  }
  const empty = text.indexOf('//');
  if (empty !== -1) {
    return { at: empty, reason: 'has an empty segment', wayOut: 'write single slashes' };
  }
  const dots = /\/\.{1,2}(?:\/|$)/.exec(text);
  if (dots !== null) {
    return {
      at: dots.index + 1,
      reason: 'has a dot segment, which no call has',
      wayOut: 'write the path as the server sees it',
    };
  }
  const stars = /[^/]\*|\*(?!\/|\*$|$)|\*\*./.exec(text.replace(/\/\*\*$/, '/*'));
  if (stars !== null) {
    return {
      at: stars.index + (stars[0].startsWith('*') ? 0 : 1),
      reason: 'has a "*" that is not a whole segment, or a "**" that is not the last one',
      wayOut: 'write "*" for one segment, "/**" at the end for the rest, and use when for a part',
    };
  }
  return undefined;
}

export type PathMatch = 'No' | 'Alike' | 'Yes';

/** In plain loops: it is asked for every rule of a host, on every call. */
export function matchPath(patterns: readonly PathPattern[], path: CallPath): PathMatch {
  for (const { canonical } of patterns) if (fits(canonical, path.canonical)) return 'Yes';
  for (const { loose } of patterns) if (fits(loose, path.loose)) return 'Alike';
  return 'No';
}

function fits({ segments, rest }: Segments, path: readonly string[]): boolean {
  if (rest ? path.length < segments.length : path.length !== segments.length) return false;
  for (let i = 0; i < segments.length; i++) {
    if (segments[i] === ONE ? path[i] === '' : segments[i] !== path[i]) return false;
  }
  return true;
}

/** Whether every path of `inner` is one of `outer`. It may say no where the truth is yes. */
export function coversPaths(outer: readonly PathPattern[], inner: readonly PathPattern[]): boolean {
  return inner.every((narrow) =>
    outer.some((wide) => coversSegments(wide.canonical, narrow.canonical)),
  );
}

function coversSegments(wide: Segments, narrow: Segments): boolean {
  if (!wide.rest && (narrow.rest || wide.segments.length !== narrow.segments.length)) return false;
  if (narrow.segments.length < wide.segments.length) return false;
  return wide.segments.every((segment, i) =>
    segment === ONE ? narrow.segments[i] !== '' : segment === narrow.segments[i],
  );
}
