/** X.509 for our own server: a certificate authority, and the serving certificates it signs. P-256 throughout. */

// @peculiar/x509 needs the polyfill to be there before it loads.
import 'reflect-metadata';
import { createPrivateKey, type webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as PeculiarCertificate,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { Secret } from '../../core/text/secret.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long an authority lives. Its successor is there long before: see plan.ts. */
export const AUTHORITY_LIFETIME = 365 * DAY;
/** How long a serving certificate lives. A stolen one cannot be revoked: it runs out. */
export const SERVING_LIFETIME = DAY;
/** Certificates begin this much earlier, for peers whose clocks are behind. */
const BACKDATE = 5 * 60_000;

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** A certificate without its private key, as its peers get it. Times are ms since the epoch. */
export interface Certificate {
  pem: string;
  notBefore: number;
  notAfter: number;
}

/** A certificate with its private key. */
export interface KeyPair extends Certificate {
  /** PKCS #8, PEM. */
  key: Secret;
}

/** Makes a self-signed authority that may sign serving certificates and nothing else. */
export async function issueAuthority(now: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // The date is for people: nothing compares it.
    name: [{ CN: [`actiongrant-ca ${new Date(now).toISOString().slice(0, 10)}`] }],
    notBefore: new Date(now - BACKDATE),
    notAfter: new Date(now + AUTHORITY_LIFETIME),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return keyPair(certificate, keys.privateKey);
}

/** Makes a serving certificate for DNS names and IP addresses. It never outlives its authority. */
export async function issueServing(
  authority: KeyPair,
  names: readonly string[],
  now: number,
): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    PemConverter.decodeFirst(authority.key.reveal()),
    KEY,
    false,
    ['sign'],
  );
  const issuer = new PeculiarCertificate(authority.pem);
  const certificate = await X509CertificateGenerator.create({
    // RFC 9525 6.3: names are matched in the SAN only, so the subject just says what it is.
    subject: [{ CN: ['actiongrant-controller'] }],
    issuer: issuer.subject,
    notBefore: new Date(Math.max(now - BACKDATE, authority.notBefore)),
    notAfter: new Date(Math.min(now + SERVING_LIFETIME, authority.notAfter)),
    signingAlgorithm: SIGNATURE,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return keyPair(certificate, keys.privateKey);
}

/** Reads a certificate of an authority. @throws Error saying what is wrong with it */
export function readAuthority(pem: string): Certificate {
  const certificate = new X509Certificate(pem);
  if (!certificate.ca) throw new Error('the certificate is not one of a certificate authority');
  return {
    pem: certificate.toString(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** Reads an authority with its key. @throws Error saying what is wrong with it */
export function readAuthorityPair(pem: string, key: Secret): KeyPair {
  const certificate = readAuthority(pem);
  if (!new X509Certificate(pem).checkPrivateKey(createPrivateKey(key.reveal()))) {
    throw new Error('the private key does not belong to the certificate');
  }
  return { ...certificate, key };
}

async function keyPair(
  certificate: PeculiarCertificate,
  privateKey: webcrypto.CryptoKey,
): Promise<KeyPair> {
  const key = await crypto.subtle.exportKey('pkcs8', privateKey);
  return {
    pem: `${certificate.toString('pem').trimEnd()}\n`,
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
    key: new Secret(`${PemConverter.encode(key, PemConverter.PrivateKeyTag).trimEnd()}\n`),
  };
}
