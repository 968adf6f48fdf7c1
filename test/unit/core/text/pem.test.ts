import { expect, it } from 'vitest';
import { holdsCertificates } from '../../../../core/text/pem.ts';
import { createAuthority } from '../../../support/pki.ts';

it('a text holds certificates if it has one or more, and each can be read', async () => {
  const { certificate, key } = await createAuthority('test CA');
  const broken = certificate.replace(/^MI/m, 'XX');
  expect(holdsCertificates(certificate)).toBe(true);
  expect(holdsCertificates(`# ours\n${certificate}\n${certificate}`)).toBe(true);
  expect(holdsCertificates('')).toBe(false);
  expect(holdsCertificates(key)).toBe(false);
  expect(holdsCertificates(`${certificate}\n${broken}`)).toBe(false);
});
