import { describe, expect, it } from 'vitest';
import { compareResourceVersions, keyOf, parseKey } from '../../../../core/kubernetes/object.ts';

describe('resourceVersions', () => {
  it.each([
    ['1', '2', -1],
    ['10', '9', 1],
    ['7', '7', 0],
    ['9007199254740993', '9007199254740992', 1],
    ['99999999999999999999999', '100000000000000000000000', -1],
  ])('%s against %s has the sign %i', (a, b, sign) => {
    expect(Math.sign(compareResourceVersions(a, b))).toBe(sign);
  });

  it.each(['', '0', '01', '-1', '1e3', 'abc', ' 1'])('%j is not comparable', (version) => {
    expect(compareResourceVersions(version, '5')).toBeNaN();
    expect(compareResourceVersions('5', version)).toBeNaN();
  });
});

describe('keys', () => {
  it('hold a namespace and a name, or only a name', () => {
    for (const reference of [{ namespace: 'soc', name: 'a' }, { name: 'soc' }]) {
      expect(parseKey(keyOf(reference))).toEqual(reference);
    }
    expect(keyOf({ namespace: 'soc', name: 'a' })).toBe('soc/a');
  });
});
