import { describe, expect, it } from 'vitest';
import { firstDifference, reasonOf } from '../../../../sidecar/net-init/apply.ts';

describe('the rules in force', () => {
  it('are those meant only if every line is', () => {
    expect(firstDifference('a\nb\n', 'a\nb\n')).toBeNull();
    expect(firstDifference('a\n\tb\n', 'a\n\tc\n')).toBe('line 2 is "c" instead of "b"');
    expect(firstDifference('a\nb', 'a')).toBe('line 2 is missing instead of "b"');
    expect(firstDifference('a', 'a\nb')).toBe('line 2 is "b" instead of missing');
  });
});

describe('a failure of nft', () => {
  it.each([
    ['Error: Could not process rule: Operation not permitted', /^this container needs .*NET_ADMIN/],
    ['Error: Could not process rule: Operation not supported', /^the node's kernel lacks/],
    ['Error: syntax error', /^nft says: Error: syntax error$/],
  ])('%s', (stderr, expected) => {
    expect(reasonOf(`${stderr}\n`)).toMatch(expected);
  });
});
