import { expect, test } from 'vitest';
import type { KubernetesObject, Live } from '../../../../core/kubernetes/object.ts';
import { StoreIndex } from '../../../../core/kubernetes/store-index.ts';

const objectWith = (...finalizers: string[]): Live<KubernetesObject> => ({
  metadata: { name: 'a', uid: 'u', resourceVersion: '1', finalizers },
});
const byFinalizer = () =>
  new StoreIndex<KubernetesObject>(({ metadata }) => metadata?.finalizers ?? []);
const keysOf = (index: StoreIndex<KubernetesObject>, value: string) => [
  ...(index.get(value)?.keys() ?? []),
];

test('an object is found by each of its values', () => {
  const index = byFinalizer();
  index.add('one', objectWith('x', 'y'));
  index.add('two', objectWith('y'));
  expect([keysOf(index, 'x'), keysOf(index, 'y')]).toEqual([['one'], ['one', 'two']]);
});

test('an object without a value is found by none', () => {
  const index = byFinalizer();
  index.add('one', objectWith());
  expect(index.get('x')).toBeUndefined();
});

test('a value that no object has any more leaves nothing behind', () => {
  const index = byFinalizer();
  const object = objectWith('x', 'y');
  index.add('one', object);
  index.add('two', objectWith('y'));
  index.remove('one', object);
  expect(index.get('x')).toBeUndefined();
  expect(keysOf(index, 'y')).toEqual(['two']);
});
