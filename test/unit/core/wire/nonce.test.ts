import { expect, it } from 'vitest';
import { parseNonce } from '../../../../core/wire/nonce.ts';
import { NONCE, refusedField } from './strict-message.ts';

it('a nonce names the field that its caller gives', () => {
  expect(parseNonce(NONCE)).toBe(NONCE);
  expect(refusedField(() => parseNonce('x', 'path'))).toBe('path');
});
