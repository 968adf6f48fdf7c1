import { expect, test } from 'vitest';
import { cel, celList, concatenation } from '../../../../scripts/chart/cel.ts';

const user = cel('request.userInfo.username');

test.for<[sentence: string, expression: string]>([
  ['spec: must be left out.', "'spec: must be left out.'"],
  [`the user ${user} may not`, "'the user ' + request.userInfo.username + ' may not'"],
  [`not ${user}`, "'not ' + request.userInfo.username"],
  [`${user} may not`, "request.userInfo.username + ' may not'"],
  [`${user}/${user}`, "request.userInfo.username + '/' + request.userInfo.username"],
  ['resourceNames ["a"]', `'resourceNames ["a"]'`],
])('%j is the expression %s', ([sentence, expression]) => {
  expect(concatenation(sentence)).toBe(expression);
});

test('a list has every text in it', () => {
  expect(celList([])).toBe('[]');
  expect(celList(['', 'a/b'])).toBe("['', 'a/b']");
});

test.each(["the pod's", 'a\\b', 'a\nb'])(
  'a text that CEL would read as another is refused: %j',
  (text) => {
    expect(() => celList([text])).toThrow('CEL would read');
    expect(() => concatenation(`${user} ${text}`)).toThrow('CEL would read');
  },
);
