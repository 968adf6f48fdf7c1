import { describe, expect, test } from 'vitest';
import { asList, asLive, objectOfAnswer } from '../../../../core/kubernetes/answer-object.ts';
import type { KubernetesError } from '../../../../core/kubernetes/error.ts';
import { configMaps, leases } from '../../../../core/kubernetes/resources.ts';

const thrown = (call: () => unknown): KubernetesError => {
  try {
    call();
  } catch (error) {
    return error as KubernetesError;
  }
  throw new Error('nothing was thrown');
};

describe('an answer', () => {
  const answerOf = (body: string) => ({ status: 200, headers: {}, body });

  test('that is a JSON object is taken as it is', () => {
    expect(objectOfAnswer(answerOf('{"kind":"Pod"}'), 'None')).toEqual({ kind: 'Pod' });
  });

  test.each(['', '{', '[]', 'null', '"text"'])(
    '%j is malformed, or leaves a write ambiguous',
    (body) => {
      expect(thrown(() => objectOfAnswer(answerOf(body), 'None')).kind).toBe('Malformed');
      expect(thrown(() => objectOfAnswer(answerOf(body), 'Write')).kind).toBe('Ambiguous');
    },
  );
});

describe('an object', () => {
  test('exists if it has a UID', () => {
    const object = { metadata: { name: 'a', uid: 'u' } };
    expect(asLive(object, 'Write')).toBe(object);
  });

  test.each([{}, { metadata: 'a' }, { metadata: { name: 'a' } }])('%j does not', (object) => {
    expect(thrown(() => asLive(object, 'None')).kind).toBe('Malformed');
    expect(thrown(() => asLive(object, 'Write')).kind).toBe('Ambiguous');
  });
});

describe('a list', () => {
  const item = { metadata: { name: 'a', uid: 'u' } };
  const metadata = { resourceVersion: '9', continue: 'next' };

  test('keeps its version, and its items get the type that they lack', () => {
    expect(asList(leases, { metadata, items: [item] })).toEqual({
      metadata,
      items: [{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...item }],
    });
  });

  test('takes the type that an item has', () => {
    const { items } = asList(configMaps, { metadata, items: [{ ...item, kind: 'Own' }] });
    expect(items).toEqual([{ apiVersion: 'v1', ...item, kind: 'Own' }]);
  });

  test.each([
    {},
    { metadata },
    { metadata: {}, items: [] },
    { metadata, items: {} },
    { metadata, items: ['a'] },
    { metadata, items: [{}] },
  ])('is not %j', (object) => {
    expect(thrown(() => asList(configMaps, object)).kind).toBe('Malformed');
  });
});
