/** Names of hosts in a rule: exact, `*.example.com` for every name below it, or `*`. */

import { ProblemError } from '../api/problem.ts';
import { isIPv4, parseAuthority } from '../text/url.ts';
import type { Findings } from './finding.ts';

/** Pure data, so that one pattern can be compared with another. */
export interface HostPatterns {
  readonly every: boolean;
  readonly exact: ReadonlySet<string>;
  /** Each begins with its dot. */
  readonly suffixes: readonly string[];
}

const FORM = 'write a name in lower case without scheme, port and path, such as api.example.com';

/** @param exactOnly refuses patterns */
export function readHosts(
  hosts: readonly string[],
  field: string,
  findings: Findings,
  exactOnly = false,
): HostPatterns {
  const exact = new Set<string>();
  const suffixes: string[] = [];
  let every = false;
  if (hosts.length === 0) findings.error(field, 'is empty', 'name each host, or write "*"');
  hosts.forEach((text, index) => {
    const at = `${field}[${index}]`;
    if (exactOnly && text.includes('*')) {
      findings.error(at, 'has a "*"', 'name each host exactly', {
        line: 1,
        column: text.indexOf('*') + 1,
      });
    } else if (text === '*') every = true;
    else if (text.startsWith('*.')) {
      if (isPlainHost(text.slice(2), at, findings, 2)) suffixes.push(text.slice(1));
    } else if (isPlainHost(text, at, findings, 0)) exact.add(text);
  });
  return { every, exact, suffixes };
}

/** As the Action has it, so that a name which is written in another way is not one that never matches. */
function isPlainHost(name: string, field: string, findings: Findings, offset: number): boolean {
  const star = name.indexOf('*');
  if (star !== -1) {
    findings.error(
      field,
      'has a "*" that is not the whole first label',
      'write "*.example.com" for every name below example.com, or "*" alone',
      { line: 1, column: offset + star + 1 },
    );
    return false;
  }
  const canonical = canonicalHost(name);
  if (canonical === name && !(offset > 0 && isAddress(name))) return true;
  const differs = firstDifference(name, canonical ?? '');
  findings.error(field, 'is not the name of a host as calls have it', FORM, {
    line: 1,
    column: offset + (canonical === undefined ? 0 : differs) + 1,
  });
  return false;
}

function canonicalHost(name: string): string | undefined {
  try {
    const { host, port } = parseAuthority(name, 'host');
    return port === null ? host : undefined;
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

function isAddress(name: string): boolean {
  return name.startsWith('[') || isIPv4(name);
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

export function matchesHost({ every, exact, suffixes }: HostPatterns, host: string): boolean {
  return (
    every ||
    exact.has(host) ||
    suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix))
  );
}

/** Whether every host of `inner` is one of `outer`. It may say no where the truth is yes. */
export function coversHosts(outer: HostPatterns, inner: HostPatterns): boolean {
  if (outer.every) return true;
  return (
    !inner.every &&
    [...inner.exact].every((host) => matchesHost(outer, host)) &&
    inner.suffixes.every((suffix) => outer.suffixes.some((wider) => suffix.endsWith(wider)))
  );
}
