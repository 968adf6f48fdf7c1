import { expect, test } from 'vitest';
import { parseQuantity, quantityOf } from '../../../../core/kubernetes/quantity.ts';

test.each([
  ['0', 0],
  ['1', 1],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['500m', 0.5],
  ['100u', 1e-4],
  ['1k', 1000],
  ['1Ki', 1024],
  ['1.5Gi', 1.5 * 1024 ** 3],
  ['1e3', 1000],
  ['1E', 1e18],
  ['+2', 2],
  ['-2', -2],
])('%s is %d', (text, number) => {
  expect(parseQuantity(text)).toBeCloseTo(number, 9);
});

test.each(['', 'x', '1 Gi', '1GB', '1ki', '0x10', '1..5', '1Gi ', `${'1'.repeat(65)}`])(
  '%j is no quantity',
  (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  },
);

test.each([
  ['cpu', 0.25, '250m'],
  ['cpu', 1 / 3, '334m'],
  ['cpu', 0.1 + 0.2, '300m'],
  ['memory', 134217728, '134217728'],
  ['memory', 100.2, '101'],
])('%s %d is written %s', (resource, amount, text) => {
  expect(quantityOf(resource, amount)).toBe(text);
});
