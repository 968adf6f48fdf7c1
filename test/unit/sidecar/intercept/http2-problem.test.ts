import { expect, it } from 'vitest';
import { headProblem } from '../../../../sidecar/intercept/http2-problem.ts';

it.each([
  ['as large as allowed', { ':scheme': 'https' }, ['abcde', 'fghij'], undefined],
  ['larger', { ':scheme': 'https' }, ['abcde', 'fghijk'], 'HeadersTooLarge'],
  ['with the scheme http', { ':scheme': 'http' }, [], undefined],
  ['without a scheme', {}, [], undefined],
  ['with another scheme', { ':scheme': 'ftp' }, [], 'ProtocolRefused'],
])('a head %s: %s', (_, headers, rawHeaders, code) => {
  expect(headProblem(headers, rawHeaders, { headBytes: 10 })?.code).toBe(code);
});
