import { describe, expect, test } from 'vitest';
import {
  isLabelSelector,
  type LabelSelector,
  selects,
} from '../../../../controller/injection/label-selector.ts';

describe('a namespace with the label team=soc', () => {
  test.for<[selected: boolean, selector: LabelSelector]>([
    [true, {}],
    [true, { matchLabels: { team: 'soc' } }],
    [false, { matchLabels: { team: 'shop' } }],
    [false, { matchLabels: { team: 'soc', other: 'x' } }],
    [true, { matchExpressions: [{ key: 'team', operator: 'In', values: ['shop', 'soc'] }] }],
    [false, { matchExpressions: [{ key: 'other', operator: 'In', values: ['soc'] }] }],
    [false, { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['soc'] }] }],
    // As in Kubernetes: what is not there is not in.
    [true, { matchExpressions: [{ key: 'other', operator: 'NotIn', values: ['soc'] }] }],
    [true, { matchExpressions: [{ key: 'team', operator: 'Exists' }] }],
    [false, { matchExpressions: [{ key: 'other', operator: 'Exists' }] }],
    [false, { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }],
    [true, { matchExpressions: [{ key: 'other', operator: 'DoesNotExist' }] }],
    [
      false,
      {
        matchLabels: { team: 'soc' },
        matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }],
      },
    ],
  ])('is selected: %s, by %j', ([selected, selector]) => {
    expect(isLabelSelector(selector)).toBe(true);
    expect(selects(selector, { team: 'soc' })).toBe(selected);
  });
});

test.each([
  [null],
  [[]],
  ['team=soc'],
  [{ team: 'soc' }],
  [{ matchLabels: { team: 1 } }],
  [{ matchLabels: [] }],
  [{ matchExpressions: {} }],
  [{ matchExpressions: [{ key: 'team', operator: 'in', values: ['soc'] }] }],
  [{ matchExpressions: [{ key: 'team', operator: 'In' }] }],
  [{ matchExpressions: [{ key: 'team', operator: 'Exists', values: ['soc'] }] }],
  [{ matchExpressions: [{ operator: 'Exists' }] }],
  [{ matchExpressions: [{ key: 'team', operator: 'Exists', value: 'soc' }] }],
])('%j is no selector', (value) => {
  expect(isLabelSelector(value)).toBe(false);
});
