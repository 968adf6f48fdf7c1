import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import {
  integer,
  oneOf,
  record,
  text,
  textMap,
  textMatching,
} from '../../../../core/text/members.ts';

/** What the reader says is wrong; fails if nothing is. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'RequestMalformed') {
      expect(error.detail.startsWith(`${error.field} `)).toBe(true);
      return error.detail;
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('what is of another form is refused by the name of the member', () => {
  it.each<[string, () => unknown, string]>([
    ['an array for an object', () => record([], 'a', []), 'a must be a JSON object.'],
    ['a missing member', () => record({}, 'a', ['b']), 'a.b is missing.'],
    [
      'a member that only the prototype has',
      () => record({}, 'a', ['toString']),
      'a.toString is missing.',
    ],
    ['an unknown member', () => record({ c: 1 }, 'a', [], ['b']), 'a.c is not a known member.'],
    [
      'an unknown member of hostile characters',
      () => record({ '\u202e\n': 1 }, 'a', []),
      'a.?? is not a known member.',
    ],
    ['a number for a text', () => text(1, 'a', 9), 'a must be a string.'],
    ['an empty text', () => text('', 'a', 9), 'a must not be empty.'],
    ['a long text', () => text('xx', 'a', 1), 'a must have at most 1 characters.'],
    ['a text of another pattern', () => textMatching('B', 'a', /^b$/, 'b'), 'a must be b.'],
    ['half a number', () => integer(1.5, 'a', 1, 2), 'a must be an integer from 1 to 2.'],
    [
      'a number that is too large',
      () => integer(3, 'a', 1, 2),
      'a must be an integer from 1 to 2.',
    ],
    ['a text for a number', () => integer('1', 'a', 1, 2), 'a must be an integer from 1 to 2.'],
    ['none of the words', () => oneOf('z', 'a', ['x', 'y']), 'a must be one of x, y.'],
    [
      'too many entries',
      () => textMap({ b: '', c: '' }, 'a', 1, 9),
      'a must have at most 1 members.',
    ],
    ['an entry that is no text', () => textMap({ b: 1 }, 'a', 1, 9), 'a.b must be a string.'],
    ['a long entry', () => textMap({ b: 'xx' }, 'a', 1, 1), 'a.b must have at most 1 characters.'],
  ])('%s', (_, read, detail) => {
    expect(refusal(read)).toBe(detail);
  });
});

it('what is as it should be is handed on as it is', () => {
  const value = { a: 1, b: 2 };
  expect(record(value, 'x', ['a'], ['b', 'c'])).toBe(value);
  expect(record(value, 'x', ['a'], null)).toBe(value);
  expect(text('', 'x', 0, true)).toBe('');
  expect(textMatching('b', 'x', /^b$/, 'b')).toBe('b');
  expect([integer(1, 'x', 1, 2), integer(2, 'x', 1, 2)]).toEqual([1, 2]);
  expect(oneOf('y', 'x', ['x', 'y'])).toBe('y');
});

it('a map keeps an entry named __proto__', () => {
  const map = textMap(JSON.parse('{"__proto__":"1","b":""}'), 'x', 2, 1);
  expect(Object.entries(map)).toEqual([
    ['__proto__', '1'],
    ['b', ''],
  ]);
});
