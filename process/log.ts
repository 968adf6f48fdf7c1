/** Structured log: one JSON object a line, a constant message with fields. Secrets print as `[redacted]`. */

import { escapeHidden } from '../core/text/hidden.ts';

/** From the level that logs most to the level that logs least. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  level: LogLevel;
  /** Members of every line, e.g. the component's name. */
  fields: LogFields;
  write(line: string): void;
  now(): number;
}

/** The log of a process: to standard error, each line with the component's name. */
export function createProcessLogger(component: string, level: LogLevel): Logger {
  return createLogger({
    level,
    fields: { component },
    write: (line) => process.stderr.write(line),
    now: Date.now,
  });
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, fields, write, now } = options;
  const at =
    (own: LogLevel) =>
    (message: string, more: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(own) < LOG_LEVELS.indexOf(level)) return;
      const fixed = { time: new Date(now()).toISOString(), level: own, message };
      // Fields never replace what every line has: `fixed` is there twice for the order and for the last word.
      // JSON leaves bidirectional controls and the like as they are, and people read logs in terminals.
      write(`${escapeHidden(serialized({ ...fixed, ...fields, ...more, ...fixed }, fixed))}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A line that cannot be written whole is written without its fields: logging never fails what it reports on. */
function serialized(line: LogFields, fixed: LogFields): string {
  try {
    return JSON.stringify(line, loggable);
  } catch {
    return JSON.stringify({ ...fixed, fields: '[not serializable]' });
  }
}

/** Errors as name, message and causes: JSON.stringify alone prints them as {}. Stacks only of unexpected errors. */
function loggable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Error)) return value;
  const { code } = value as { code?: unknown };
  return {
    name: value.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: value.message,
    // A connection that failed on every address has its reasons here, and no message (RFC 8305).
    ...(value instanceof AggregateError ? { errors: value.errors } : {}),
    ...(value.cause === undefined ? {} : { cause: value.cause }),
    ...(value instanceof TypeError || value instanceof RangeError ? { stack: value.stack } : {}),
  };
}
