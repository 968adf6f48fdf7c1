import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../core/text/secret.ts';
import { serviceAccountToken } from '../../../../sidecar/credential/service-account-token.ts';

describe("a ServiceAccount's token", () => {
  it('goes into the Authorization header as a bearer token', () => {
    expect(serviceAccountToken.headers(new Secret('h.c.s'))).toEqual([
      ['authorization', 'Bearer h.c.s'],
    ]);
  });

  it.each([
    ['a JWT: its signature', 'header.claims.signature', 'signature'],
    ['a text without parts: all of it', 's3cret', 's3cret'],
    ['a text with two parts: all of it', 'header.claims', 'header.claims'],
  ])('is found whole, and what nobody can guess of it in parts: %s', (_, whole, unguessable) => {
    expect(serviceAccountToken.secretTexts(new Secret(whole))).toEqual([{ whole, unguessable }]);
  });
});
