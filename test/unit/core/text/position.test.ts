import { expect, it } from 'vitest';
import { positionIn } from '../../../../core/text/position.ts';

it.each([
  ['', 0, 1, 1],
  ['abc', 2, 1, 3],
  ['a\nbc', 1, 1, 2],
  ['a\nbc', 2, 2, 1],
  ['a\n\nbc', 4, 3, 2],
])('in %j offset %i is line %i, column %i', (text, offset, line, column) => {
  expect(positionIn(text, offset)).toEqual({ line, column });
});
