/** Its readers, keytool and Java's client, are in agent-files.test.ts. */

import { createHash, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCertificateAuthority } from '../../../../sidecar/certificates/certificate-authority.ts';
import { createJavaTrustStore } from '../../../../sidecar/files/java-key-store.ts';

it('the same certificate makes the same key store', () => {
  const { certificate } = createCertificateAuthority({ now: Date.now });
  const options = { alias: 'a', password: 'changeit' };
  expect(createJavaTrustStore(certificate, options)).toEqual(
    createJavaTrustStore(certificate, options),
  );
});

it('is one trusted certificate, and a digest over the password and all of it', () => {
  const { certificate } = createCertificateAuthority({ now: Date.now });
  const { raw } = new X509Certificate(certificate);
  const store = createJavaTrustStore(certificate, { alias: 'pod-ca', password: 'changeit' });
  // The magic number, version 2, one entry, which is a trusted certificate, and its alias.
  expect(store.subarray(0, 16).toString('hex')).toBe('feedfeed000000020000000100000002');
  expect(store.subarray(16, 24).toString('latin1')).toBe('\0\x06pod-ca');
  expect(store.subarray(-20 - raw.length, -20)).toEqual(raw);
  const password = Buffer.from('\0c\0h\0a\0n\0g\0e\0i\0t', 'latin1');
  const digest = createHash('sha1')
    .update(password)
    .update('Mighty Aphrodite')
    .update(store.subarray(0, -20))
    .digest();
  expect(store.subarray(-20)).toEqual(digest);
});

it('takes PEM and DER alike, and nothing that is no certificate', () => {
  const { certificate } = createCertificateAuthority({ now: Date.now });
  const options = { alias: 'a', password: 'changeit' };
  const { raw } = new X509Certificate(certificate);
  expect(createJavaTrustStore(raw, options)).toEqual(createJavaTrustStore(certificate, options));
  expect(() => createJavaTrustStore('not PEM', options)).toThrow();
});
