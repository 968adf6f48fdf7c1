/** Structured log: one JSON object a line, a constant message with fields. Secrets print as `[redacted]`. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LoggerOptions {
  level: LogLevel;
  /** Members of every line, e.g. the component's name. */
  fields: LogFields;
  write(line: string): void;
  now(): number;
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, fields, write, now } = options;
  const at =
    (own: LogLevel) =>
    (message: string, more: LogFields = {}): void => {
      if (ORDER.indexOf(own) < ORDER.indexOf(level)) return;
      const line = { time: new Date(now()).toISOString(), level: own, message, ...fields, ...more };
      write(`${JSON.stringify(line, loggable)}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors as name, message and causes: JSON.stringify alone prints them as {}. Stacks only of unexpected errors. */
function loggable(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return {
    name: value.name,
    message: value.message,
    ...(value.cause === undefined ? {} : { cause: value.cause }),
    ...(value instanceof TypeError || value instanceof RangeError ? { stack: value.stack } : {}),
  };
}
