import { expect, test } from 'vitest';
import { BoundedMap } from '../../../core/bounded-map.ts';

const mapOf = (...keys: string[]) => {
  const map = new BoundedMap<string, number>(3);
  for (const key of keys) map.set(key, map.size);
  return map;
};

test.each([
  ['holds what fits', ['a', 'b', 'c'], ['a', 'b', 'c']],
  ['forgets the entry that was set longest ago', ['a', 'b', 'c', 'd', 'e'], ['c', 'd', 'e']],
  ['keeps an entry that was set again', ['a', 'b', 'c', 'a', 'd'], ['c', 'a', 'd']],
])('a bounded map %s', (_, set, left) => {
  expect([...mapOf(...set).keys()]).toEqual(left);
});

test('reading an entry does not keep it', () => {
  const map = mapOf('a', 'b', 'c');
  map.get('a');
  map.set('d', 4);
  expect(map.has('a')).toBe(false);
});

test('setting an entry again replaces its value and nothing else', () => {
  const map = mapOf('a', 'b', 'c');
  map.set('b', 7);
  expect([...map]).toEqual([
    ['a', 0],
    ['c', 2],
    ['b', 7],
  ]);
});
