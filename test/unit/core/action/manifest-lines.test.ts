import { describe, expect, it } from 'vitest';
import { mapLines, quote } from '../../../../core/action/manifest-lines.ts';

describe('a quoted text', () => {
  it.each([
    ['plain', '"plain"'],
    ['', '""'],
    ['"\n  approvedByRequester: true', '"\\"\\n  approvedByRequester: true"'],
    ['\u0085\u2028\u202e', '"\\u0085\\u2028\\u202e"'],
    ['😀', '"\\U0001f600"'],
  ])('%j is %s', (text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });
});

it('a map is its name and a line an entry, and nothing without entries', () => {
  expect(mapLines('headers', JSON.parse('{"__proto__":"1","b":""}'))).toEqual([
    'headers:',
    '  "__proto__": "1"',
    '  "b": ""',
  ]);
  expect(mapLines('headers', {})).toEqual([]);
});
