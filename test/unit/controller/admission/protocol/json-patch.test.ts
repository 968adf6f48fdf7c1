import { describe, expect, test } from 'vitest';
import { memberPatch } from '../../../../../controller/admission/protocol/json-patch.ts';

describe('the patch between two objects', () => {
  test('of equal ones is empty', () => {
    expect(memberPatch({ a: { b: [1] } }, { a: { b: [1] } }, '/spec')).toEqual([]);
  });

  test('has what is new, what changed and what is gone, and nothing else', () => {
    expect(
      memberPatch(
        { same: 1, changed: [1], gone: true },
        { same: 1, changed: [2], fresh: {} },
        '/spec',
      ),
    ).toEqual([
      { op: 'remove', path: '/spec/gone' },
      { op: 'add', path: '/spec/changed', value: [2] },
      { op: 'add', path: '/spec/fresh', value: {} },
    ]);
  });

  test('escapes names (RFC 6901 3)', () => {
    expect(memberPatch({}, { 'a/b~c': 1 }, '')).toEqual([
      { op: 'add', path: '/a~1b~0c', value: 1 },
    ]);
  });
});
