import { describe, expect, it } from 'vitest';
import { attempted, attemptedCall } from '../../../../sidecar/describe/attempted.ts';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, aProxiedHead, aRedirectedHead } from './heads.ts';

describe('what a call tried', () => {
  it.each<[string, RequestHead, string]>([
    [
      'in a tunnel',
      aHead({ method: 'POST', target: '/v1/x' }),
      'POST https://edr.example.com:443/v1/x',
    ],
    [
      'through the proxy',
      aProxiedHead({ target: 'http://edr.example.com/a' }),
      'GET http://edr.example.com/a',
    ],
    [
      'redirected',
      aRedirectedHead({ name: 'edr.example.com', port: 8443 }, 'x', { target: '/a' }),
      'GET https://edr.example.com:8443/a',
    ],
    [
      'to an address',
      aRedirectedHead({ address: 'fd00::1', port: 80, synthetic: false }, 'x', { scheme: 'http' }),
      'GET http://[fd00::1]:80/',
    ],
    [
      'with hostile text',
      aHead({ method: 'G\n\u202eT', target: '/é' }),
      'G??T https://edr.example.com:443/?',
    ],
  ])('%s', (_, head, expected) => {
    expect(attemptedCall(readHead(head, []))).toBe(expected);
  });

  it.each<[string, RequestHead]>([
    ['a query', aHead({ target: '/a?hunter2' })],
    ['a fragment', aHead({ target: '/a#hunter2' })],
    ['a query without a path', aProxiedHead({ target: 'http://a?hunter2' })],
    ['a password for the proxy', aProxiedHead({ target: 'http://u:hunter2@a/' })],
    ['a password with an @', aProxiedHead({ target: 'http://u:x@hunter2@a/' })],
    ['a password in CONNECT', aHead({ connectAuthority: 'u:hunter2@a:443' })],
    ['a password in a target that should be a path', aHead({ target: 'ftp://u:hunter2@a/' })],
    ['a password in an authority without a scheme', aProxiedHead({ target: 'u:hunter2@a' })],
    ['a header', aHead({ rawHeaders: ['Authorization', 'hunter2'] })],
  ])('never shows %s', (_, head) => {
    expect(attemptedCall(readHead(head, []))).not.toContain('hunter2');
  });

  it.each([
    ['', '(nothing)'],
    ['  ', '(nothing)'],
    ['x'.repeat(161), `${'x'.repeat(157)}...`],
  ])('%j is shown as %j', (text, expected) => {
    expect(attempted(text)).toBe(expected);
    expect(attempted(text)).toMatch(/^[ -~]{1,160}$/);
  });
});
