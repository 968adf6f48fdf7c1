import { expect, it } from 'vitest';
import { lentCredential } from '../../../../sidecar/credential/lent-credential.ts';

const answer = { token: 'header.claims.signature', expirationTime: '2026-11-30T12:00:00Z' };

it("is a ServiceAccount's token, for the answer names no type", () => {
  const credential = lentCredential(answer);
  expect(credential.token.reveal()).toBe('header.claims.signature');
  expect(credential.headers()).toEqual([['authorization', 'Bearer header.claims.signature']]);
  expect(credential.secretTexts()).toEqual([
    { whole: 'header.claims.signature', unguessable: 'signature' },
  ]);
});

it('does not show itself where it is printed', () => {
  expect(JSON.stringify(lentCredential(answer))).not.toContain('signature');
});
