import { expect, it } from 'vitest';
import { withListsInOneSpelling } from '../../../../core/action/list-headers.ts';

it.each([
  ['prefer', 'return=minimal, respond-async; wait=10', 'return=minimal,respond-async;wait=10'],
  ['prefer', 'return=minimal ,\trespond-async ;wait=10', 'return=minimal,respond-async;wait=10'],
  ['anthropic-beta', 'b, a', 'b,a'],
  ['if-match', '"a, b" ,"c; d"', '"a, b","c; d"'],
  ['if-match', '"7"', '"7"'],
  ['prefer', ' wait=1  2 ', ' wait=1  2 '],
  ['prefer', 'a , ; b ,', 'a,;b,'],
  ['if-match', '"a\\", b" , "c , d', '"a\\", b","c,d'],
  ['x-other', 'a, b', 'a, b'],
])('%s: %s is the list %s', (name, value, spelled) => {
  expect(withListsInOneSpelling({ [name]: value })).toEqual({ [name]: spelled });
});
