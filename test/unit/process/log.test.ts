import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../core/api/problem.ts';
import { Secret } from '../../../core/text/secret.ts';
import { createLogger, type LogFields, type LogLevel } from '../../../process/log.ts';

const NOW = Date.UTC(2026, 0, 2, 12);

/** A logger that keeps its lines. */
function aLogger(level: LogLevel = 'debug', fields: LogFields = { component: 'test' }) {
  const lines: string[] = [];
  const log = createLogger({
    level,
    fields,
    write: (line) => void lines.push(line),
    now: () => NOW,
  });
  return { log, lines };
}

/** The one line that these fields make. */
function written(fields: LogFields): Record<string, unknown> {
  const { log, lines } = aLogger();
  log.info('it happened', fields);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '');
}

it('a line is one JSON object with time, level, message, the fields of the logger and its own', () => {
  const { log, lines } = aLogger();
  log.warn('it happened', { count: 2 });
  expect(lines).toEqual([
    '{"time":"2026-01-02T12:00:00.000Z","level":"warn","message":"it happened","component":"test","count":2}\n',
  ]);
});

it.each<[LogLevel, LogLevel[]]>([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
])('at level %s come %j', (level, expected) => {
  const { log, lines } = aLogger(level);
  for (const own of ['debug', 'info', 'warn', 'error'] as const) log[own]('x');
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(expected);
});

it('a field never replaces what every line has', () => {
  const line = written({ level: 'debug', message: 'forged', time: 'never', component: 'mine' });
  expect(line).toMatchObject({
    level: 'info',
    message: 'it happened',
    time: '2026-01-02T12:00:00.000Z',
  });
});

it('hostile text stays within its line', () => {
  const { log, lines } = aLogger();
  log.info('it happened', { text: 'a\n{"level":"error"}\r\u2028' });
  expect(lines[0]?.match(/\n/g)).toHaveLength(1);
});

describe('a secret', () => {
  it('is redacted wherever it is', () => {
    const secret = new Secret('hunter2');
    const { log, lines } = aLogger('debug', { own: secret });
    log.info('it happened', {
      secret,
      list: [secret],
      deep: { er: { secret } },
      error: new Error('failed', { cause: secret }),
    });
    expect(lines.join()).not.toContain('hunter2');
    expect(lines.join().match(/\[redacted\]/g)).toHaveLength(5);
  });
});

describe('an error', () => {
  it('is its name, message and causes, without a stack', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const { error } = written({ error: new ProblemError('NotReady', 'Wait.', { cause }) });
    expect(error).toEqual({
      name: 'ProblemError',
      code: 'NotReady',
      message: 'NotReady: Wait.',
      cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
    });
  });

  it('has none of the members that are not known to be free of secrets', () => {
    const error = Object.assign(new Error('failed'), {
      config: { headers: { authorization: 'Bearer hunter2' } },
      code: { text: 'hunter2' },
    });
    expect(written({ error })['error']).toEqual({ name: 'Error', message: 'failed' });
  });

  it('of several tries has each of them', () => {
    const error = new AggregateError([new Error('a'), new Error('b')], 'all failed');
    expect(written({ error })['error']).toEqual({
      name: 'AggregateError',
      message: 'all failed',
      errors: [
        { name: 'Error', message: 'a' },
        { name: 'Error', message: 'b' },
      ],
    });
  });

  it.each([new TypeError('x is undefined'), new RangeError('too deep')])(
    'that is a fault of the program has its stack: %s',
    (error) => {
      expect(written({ error })['error']).toMatchObject({
        message: error.message,
        stack: expect.stringContaining('log.test.ts'),
      });
    },
  );
});

it('a line has no character that a terminal acts on, or that people do not see', () => {
  const value = 'a\u001b[2J\u202eb\u2028\u009bc\u200b\n';
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    fields: {},
    write: (line) => void lines.push(line),
    now: () => 0,
  });
  log.info('it happened', { value });
  expect(lines.join('')).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(lines.join(''))).toMatchObject({ value });
});

describe('what JSON cannot hold never makes logging fail', () => {
  it('a bigint is its digits', () => {
    expect(written({ n: 9007199254740993n })['n']).toBe('9007199254740993');
  });

  it('a circle costs the line its fields, not the line', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(written({ circle })).toEqual({
      time: '2026-01-02T12:00:00.000Z',
      level: 'info',
      message: 'it happened',
      fields: '[not serializable]',
    });
  });
});
