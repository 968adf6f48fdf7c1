/** Lists of plain values in a rule. */

import type { Findings } from './finding.ts';

export type SetOrEvery<T> = ReadonlySet<T> | 'every';

export function oneOfSet<T>(set: SetOrEvery<T>, value: T): boolean {
  return set === 'every' || set.has(value);
}

export function coversSet<T>(outer: SetOrEvery<T>, inner: SetOrEvery<T>): boolean {
  if (outer === 'every') return true;
  return inner !== 'every' && [...inner].every((value) => outer.has(value));
}

/** @param every the value that stands for all of them */
export function setOrEvery(values: readonly string[], every = '*'): SetOrEvery<string> {
  return values.includes(every) ? 'every' : new Set(values);
}

export function readPorts(
  ports: readonly number[],
  field: string,
  findings: Findings,
): ReadonlySet<number> {
  ports.forEach((port, index) => {
    if (Number.isInteger(port) && port >= 1 && port <= 65_535) return;
    findings.error(`${field}[${index}]`, 'is no port', 'write a number from 1 to 65535');
  });
  return new Set(ports);
}
