import { expect, it } from 'vitest';
import { headerPairs } from '../../../../sidecar/forward/raw-headers.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

it.each<[string, Parameters<typeof headerPairs>[0], string[][]]>([
  ['nothing', undefined, []],
  [
    'raw pairs, repeated ones too',
    [bytes('Set-Cookie'), bytes('a=1'), bytes('set-cookie'), bytes('b=2')],
    [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  ],
  ['bytes beyond ASCII', [bytes('x-a'), bytes('\xe9')], [['x-a', 'é']]],
  [
    'white space around a value, and a no-break space within',
    [bytes('x-a'), bytes('\t \xa0 a \t '), bytes('x-b'), bytes(' \t')],
    [
      ['x-a', '\xa0 a'],
      ['x-b', ''],
    ],
  ],
  ['a name without a value', [bytes('x-a')], []],
  [
    'an object, with lists',
    { 'X-A': '1', 'set-cookie': ['a', 'b'], 'x-none': undefined },
    [
      ['x-a', '1'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ],
  ],
])('%s', (_, raw, pairs) => {
  expect(headerPairs(raw)).toEqual(pairs);
});
