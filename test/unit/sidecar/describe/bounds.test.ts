import { describe, expect, it } from 'vitest';
import { aHead, aKubernetesHead, CONTEXT, describeHead } from './heads.ts';
import { refusal } from './problem.ts';

const described = (head: ReturnType<typeof aHead>) => refusal(() => describeHead(head, CONTEXT));
const headers = (count: number, value = '1') =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-Own-${i}`, value]));
const query = (count: number) =>
  Array.from({ length: count }, (_, i) => `p${String.fromCharCode(97 + i)}=1`).join('&');

describe('what no grant could state', () => {
  const path = (urlLength: number) =>
    `/${'a'.repeat(urlLength - 'https://edr.example.com/'.length)}`;

  it.each([
    ['a URL of 2048 characters is described', aHead({ target: path(2048) }), 'accepted'],
    ['a URL of 2049 characters is refused', aHead({ target: path(2049) }), 'TargetRefused'],
    ['16 headers of its own are described', aHead({ headers: headers(16) }), 'accepted'],
    ['17 headers of its own are refused', aHead({ headers: headers(17) }), 'HeaderRefused'],
    [
      'a value of 1024 characters is described',
      aHead({ headers: headers(1, 'v'.repeat(1024)) }),
      'accepted',
    ],
    [
      'a value of 1025 characters is refused',
      aHead({ headers: headers(1, 'v'.repeat(1025)) }),
      'HeaderRefused',
    ],
    [
      '8 parameters to the API server are described',
      aKubernetesHead('GET', `/api/v1/namespaces/a/pods/b?${query(8)}`),
      'accepted',
    ],
    [
      '9 parameters to the API server are refused',
      aKubernetesHead('GET', `/api/v1/namespaces/a/pods/b?${query(9)}`),
      'TargetRefused',
    ],
  ])('%s', (_, head, code) => {
    expect(described(head).code).toBe(code);
  });
});
