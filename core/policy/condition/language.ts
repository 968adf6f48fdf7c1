/** The part of CEL that a condition may be written in: what is not listed is refused when the policy is written. */

/** With a variable, and a condition on it. */
export const COMPREHENSIONS: ReadonlySet<string> = new Set([
  'all',
  'exists',
  'exists_one',
  'map',
  'filter',
]);

/** Operators of two operands whose price depends on them. */
export const BINARY: ReadonlySet<string> = new Set([
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
]);

export const SELECTIONS: ReadonlySet<string> = new Set(['id', '.', '[]']);

/** Of one price, whatever their operands. */
export const CHEAP: ReadonlySet<string> = new Set([...SELECTIONS, '!_', '-_', '?:']);

/** Of no price of their own: their operands are paid for, and there are at most so many of them. */
export const FREE: ReadonlySet<string> = new Set(['value', 'list', 'map', '&&', '||']);

/**
 * `matches` is not among them: patterns with bounded repeats on 4 KiB of text hold linear engines for seconds, too. Paths have
 * patterns of their own.
 */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  'has',
  'bind',
  'size',
  'string',
  'int',
  'double',
  'bool',
  'dyn',
  'timestamp',
  'duration',
  'contains',
  'startsWith',
  'endsWith',
  'lowerAscii',
  'upperAscii',
  'split',
  'join',
  'indexOf',
  'substring',
  'getFullYear',
  'getMonth',
  'getDayOfMonth',
  'getDayOfWeek',
  'getHours',
  'getMinutes',
]);

/** From a text, which is bounded: some read it in more than linear time. */
export const CONVERSIONS: ReadonlySet<string> = new Set([
  'duration',
  'timestamp',
  'int',
  'double',
  'bool',
]);
