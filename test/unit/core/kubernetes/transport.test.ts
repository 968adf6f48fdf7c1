import { expect, test } from 'vitest';
import { failureText } from '../../../../core/kubernetes/transport.ts';

test.for<[what: string, error: unknown, text: string]>([
  ['an error is its message', new Error('connect ECONNREFUSED'), 'connect ECONNREFUSED'],
  ['an error without one is its name', new RangeError(''), 'RangeError'],
  [
    'several addresses is the reason of the first',
    new AggregateError([new Error('connect 10.0.0.1'), new Error('connect 10.0.0.2')], ''),
    'connect 10.0.0.1',
  ],
  ['several addresses without any is the name', new AggregateError([], ''), 'AggregateError'],
  ['something else is unknown', { socket: 'large' }, 'unknown error'],
])('the text of %s', ([_, error, text]) => {
  expect(failureText(error)).toBe(text);
});
