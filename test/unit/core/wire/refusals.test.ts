import { describe, expect, it } from 'vitest';
import { MAX_REFUSALS_REPORTED, parseRefusalReport } from '../../../../core/wire/refusals.ts';
import { notInteger, refusedField } from './strict-message.ts';

describe('a report of refusals', () => {
  const refusal = { code: 'GrantRequired', attempted: 'GET https://a.example/x', count: 3 };
  const report = (...refusals: unknown[]) => ({ refusals });

  it.each([
    ['one', report(refusal)],
    ['as many as it may hold', report(...Array(MAX_REFUSALS_REPORTED).fill(refusal))],
    ['the longest words', report({ ...refusal, attempted: '~'.repeat(160) })],
    ['the shortest words, which may be a space', report({ ...refusal, attempted: ' ' })],
    ['the largest count', report({ ...refusal, count: 1_000_000 })],
  ])('that holds %s is taken as it is', (_, valid) => {
    expect(parseRefusalReport(valid)).toEqual(valid);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'body'],
    ['a list', [refusal], 'body'],
    ['nothing', {}, 'body.refusals'],
    ['a member of its own', { ...report(refusal), pod: 'x' }, 'body.pod'],
    ['no refusal', report(), 'refusals'],
    ['too many', report(...Array(MAX_REFUSALS_REPORTED + 1).fill(refusal)), 'refusals'],
    ['a list in disguise', { refusals: { length: 1, 0: refusal } }, 'refusals'],
    ['text for a refusal', report(refusal, 'x'), 'refusals[1]'],
    ['a refusal with a member of its own', report({ ...refusal, pod: 'x' }), 'refusals[0].pod'],
    ['no words', report({ code: 'GrantRequired', count: 1 }), 'refusals[0].attempted'],
    ['no count', report({ ...refusal, count: undefined }), 'refusals[0].count'],
    ...[null, '', 'x'.repeat(161), 'a\nb', '\u202e', 'caf\u00e9', {}].map(
      (attempted): [string, unknown, string] => [
        `the words ${JSON.stringify(attempted)}`,
        report({ ...refusal, attempted }),
        'refusals[0].attempted',
      ],
    ),
    ...[null, '', 'grantRequired', 'toString', '__proto__', 403].map(
      (code): [string, unknown, string] => [
        `the code ${JSON.stringify(code)}`,
        report({ ...refusal, code }),
        'refusals[0].code',
      ],
    ),
    ...notInteger(1, 1_000_000).map((count): [string, unknown, string] => [
      `the count ${count}`,
      report({ ...refusal, count }),
      'refusals[0].count',
    ]),
  ])('is refused for %s, by name', (_, value, field) => {
    expect(refusedField(() => parseRefusalReport(value))).toBe(field);
  });
});
