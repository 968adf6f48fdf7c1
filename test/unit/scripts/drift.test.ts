import { describe, expect, test } from 'vitest';
import { drift } from '../../../scripts/drift.ts';

describe('the drift check', () => {
  test('finds nothing when the file is what would be written', () => {
    expect(drift('a\nb\n', 'a\nb\n', 'the CRD')).toBeUndefined();
  });

  test.for([
    ['a\nb\n', 'a\nc\n', 'line 2\n  the CRD says:  b\n  the file says: c'],
    ['a\nb', 'a', 'line 2\n  the CRD says:  b\n  the file says: (end of file)'],
    ['a', 'a\nb', 'line 2\n  the CRD says:  (end of file)\n  the file says: b'],
  ])('names the first line that differs', ([expected = '', actual = '', message]) => {
    expect(drift(expected, actual, 'the CRD')).toBe(message);
  });
});
