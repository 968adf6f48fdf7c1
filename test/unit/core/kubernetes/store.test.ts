import { describe, expect, it } from 'vitest';
import type { KubernetesObject, Live } from '../../../../core/kubernetes/object.ts';
import { ObjectStore } from '../../../../core/kubernetes/store.ts';

type Thing = KubernetesObject;

function thing(name: string, uid: string, resourceVersion: number): Live<Thing> {
  const labels = { uid };
  return { metadata: { name, uid, labels, resourceVersion: String(resourceVersion) } };
}

/** A store after a list at version 10, and a log of what it told since. */
function listed(...items: Live<Thing>[]) {
  const store = new ObjectStore<Thing>();
  store.beginList();
  store.replaceAll(items, '10');
  store.takeChanges();
  const changes = () =>
    store
      .takeChanges()
      .map(
        ({ type, object }) => `${type} ${object.metadata.uid}@${object.metadata.resourceVersion}`,
      );
  return { store, changes };
}

describe('watch events', () => {
  it('add, update and delete', () => {
    const { store, changes } = listed();
    store.applyPresent(thing('a', 'u1', 11));
    store.applyPresent(thing('a', 'u1', 12));
    store.applyDeleted(thing('a', 'u1', 13));
    expect(changes()).toEqual(['Add u1@11', 'Update u1@12', 'Delete u1@13']);
    expect(store.size).toBe(0);
    expect(store.version).toBe('13');
  });

  it('of another object under the same name are a deletion and an addition', () => {
    const { store, changes } = listed(thing('a', 'u1', 5));
    store.applyPresent(thing('a', 'u2', 11));
    expect(changes()).toEqual(['Delete u1@5', 'Add u2@11']);
  });

  it.each([
    ['older', 11],
    ['as old', 12],
  ])('that are %s than what was observed change nothing', (_name, version) => {
    const { store, changes } = listed(thing('a', 'u1', 5));
    expect(store.observe(thing('a', 'u1', 12))).toBe(true);
    store.applyPresent(thing('a', 'u1', version));
    expect(changes()).toEqual(['Update u1@12']);
    expect(store.get({ name: 'a' })?.metadata.resourceVersion).toBe('12');
  });

  it('of a predecessor change nothing once the successor was observed', () => {
    const { store, changes } = listed(thing('a', 'u1', 5));
    expect(store.observe(thing('a', 'u2', 20))).toBe(true);
    store.applyPresent(thing('a', 'u1', 15));
    store.applyDeleted(thing('a', 'u1', 18));
    store.applyPresent(thing('a', 'u2', 19));
    expect(changes()).toEqual(['Delete u1@5', 'Add u2@20']);
  });

  it('delete what was observed after the deletion was on its way', () => {
    const { store, changes } = listed();
    expect(store.observe(thing('a', 'u1', 12))).toBe(true);
    store.applyPresent(thing('a', 'u1', 11));
    store.applyDeleted(thing('a', 'u1', 13));
    expect(changes()).toEqual(['Add u1@12', 'Delete u1@13']);
  });

  it('count even if their versions cannot be compared', () => {
    const { store, changes } = listed(thing('a', 'u1', 5));
    const opaque = thing('a', 'u1', 0);
    opaque.metadata.resourceVersion = 'abc';
    store.applyPresent(opaque);
    expect(changes()).toEqual(['Update u1@abc']);
  });
});

describe('observe', () => {
  it.each([
    ['a newer state', thing('a', 'u1', 11), true],
    ['the same state', thing('a', 'u1', 10), false],
    ['an older state', thing('a', 'u1', 9), false],
    ['an older predecessor', thing('a', 'u0', 4), false],
    ['a predecessor that was known to be gone', thing('a', 'u0', 10), false],
    ['a newer successor', thing('a', 'u2', 11), true],
    ['an unknown object from before the list', thing('b', 'u3', 10), false],
    ['an unknown object the watch has not reached', thing('b', 'u3', 11), true],
  ])('of %s', (_name, object, taken) => {
    const { store, changes } = listed(thing('a', 'u1', 10));
    expect(store.observe(object)).toBe(taken);
    expect(store.list().includes(object)).toBe(taken);
    expect(changes().length > 0).toBe(taken);
  });

  it('never brings back what was deleted', () => {
    const { store } = listed(thing('a', 'u1', 5), thing('b', 'u2', 6));
    store.applyDeleted(thing('a', 'u1', 11));
    store.beginList();
    store.replaceAll([], '12');
    for (const late of [thing('a', 'u1', 10), thing('a', 'u1', 99), thing('b', 'u2', 99)]) {
      expect(store.observe(late)).toBe(false);
    }
    expect(store.size).toBe(0);
  });

  it('waits for the first list', () => {
    expect(new ObjectStore<Thing>().observe(thing('a', 'u1', 5))).toBe(false);
  });

  it('is not taken back by a list that began before', () => {
    const { store, changes } = listed(thing('a', 'u1', 5), thing('b', 'u2', 6));
    store.beginList();
    store.observe(thing('a', 'u1', 22));
    store.observe(thing('c', 'u3', 21));
    store.replaceAll([thing('a', 'u1', 19), thing('b', 'u2', 6)], '20');
    expect(changes()).toEqual(['Update u1@22', 'Add u3@21']);
    store.beginList();
    store.replaceAll([thing('b', 'u2', 6)], '30');
    expect(changes()).toEqual(['Delete u1@22', 'Delete u3@21']);
  });
});

describe('a list', () => {
  it('tells what was added, changed, replaced and deleted, and nothing else', () => {
    const { store, changes } = listed(
      thing('same', 'u1', 1),
      thing('changed', 'u2', 2),
      thing('replaced', 'u3', 3),
      thing('deleted', 'u4', 4),
    );
    store.beginList();
    store.replaceAll(
      [
        thing('same', 'u1', 1),
        thing('changed', 'u2', 12),
        thing('replaced', 'u5', 13),
        thing('added', 'u6', 14),
      ],
      '15',
    );
    expect(changes()).toEqual([
      'Update u2@12',
      'Delete u3@3',
      'Add u5@13',
      'Add u6@14',
      'Delete u4@4',
    ]);
  });

  it('is right even when etcd went back to a backup', () => {
    const { store, changes } = listed(thing('a', 'u1', 9));
    store.applyDeleted(thing('gone', 'u2', 11));
    store.beginList();
    store.replaceAll([thing('a', 'u1', 3), thing('gone', 'u2', 2)], '4');
    expect(changes()).toEqual(['Update u1@3', 'Add u2@2']);
    expect(store.version).toBe('4');
  });
});

describe('an index', () => {
  it('follows every change, whenever it was made', () => {
    const { store } = listed(thing('a', 'u1', 5));
    store.index('uid', ({ metadata }) => [metadata.labels?.['uid'] ?? '']);
    store.applyPresent(thing('b', 'u2', 11));
    const relabelled = thing('b', 'u2', 12);
    relabelled.metadata.labels = { uid: 'u1' };
    store.applyPresent(relabelled);
    const names = (key: string) => store.byIndex('uid', key).map(({ metadata }) => metadata.name);
    expect(names('u1')).toEqual(['a', 'b']);
    expect(names('u2')).toEqual([]);
    expect([store.countByIndex('uid', 'u1'), store.countByIndex('uid', 'u2')]).toEqual([2, 0]);
    store.applyDeleted(thing('a', 'u1', 13));
    expect(names('u1')).toEqual(['b']);
    expect(() => store.byIndex('other', '')).toThrow('no index');
    expect(() => store.countByIndex('other', '')).toThrow('no index');
  });
});
