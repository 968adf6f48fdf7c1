import { describe, expect, it } from 'vitest';
import {
  connectProblem,
  headProblem,
  parseProblem,
} from '../../../../sidecar/intercept/http1-problem.ts';

it.each([
  ['HPE_HEADER_OVERFLOW', 'HeadersTooLarge', 'larger than this proxy reads'],
  ['HPE_INVALID_METHOD', 'RequestMalformed', '(HPE_INVALID_METHOD)'],
  ['HPE_ with text of the client', 'RequestMalformed', '(parser error)'],
  [undefined, 'RequestMalformed', '(parser error)'],
])('an error %s of the parser is %s', (of, code, detail) => {
  const problem = parseProblem(of);
  expect(problem.code).toBe(code);
  expect(problem.detail).toContain(detail);
});

describe('a head', () => {
  const head = (lines: number, httpVersion = '1.1') => ({
    rawHeaders: Array.from({ length: 2 * lines }, () => 'x'),
    httpVersion,
  });

  it.each([
    ['as many lines as allowed', head(3), undefined],
    ['one line more', head(4), 'HeadersTooLarge'],
    ['version 1.0', head(1, '1.0'), undefined],
    ['version 0.9', head(1, '0.9'), 'ProtocolRefused'],
    ['version 2.0', head(1, '2.0'), 'ProtocolRefused'],
  ])('with %s: %s', (_, request, code) => {
    expect(headProblem(request, { headerCount: 3 })?.code).toBe(code);
  });
});

describe('a CONNECT', () => {
  const direct = { connectAuthority: undefined, destination: undefined };

  it.each([
    ['to the proxy', direct, {}, undefined],
    ['inside a tunnel', { ...direct, connectAuthority: 'a:443' }, {}, 'MethodRefused'],
    [
      'on a redirected connection',
      { ...direct, destination: { name: 'a', port: 443 } },
      {},
      'MethodRefused',
    ],
    ['with a length', direct, { 'content-length': '0' }, 'RequestAmbiguous'],
    ['with a transfer coding', direct, { 'transfer-encoding': 'chunked' }, 'RequestAmbiguous'],
  ])('%s: %s', (_, connection, headers, code) => {
    expect(connectProblem(connection, headers)?.code).toBe(code);
  });
});
