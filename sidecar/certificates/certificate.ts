/** X.509 certificates (RFC 5280) on P-256 keys: the pod's CA and the leaves it signs. */

import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { addressBytes } from '../../core/text/ip-address.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectIdentifier('2.5.4.3');
/** RFC 5280 appendix A: ub-common-name. */
const COMMON_NAME_LIMIT = 64;

/** KeyUsage bits (RFC 5280 4.2.1.3), as contents of the BIT STRING. */
const DIGITAL_SIGNATURE = bitString(Buffer.from([0x80]), 7);
const KEY_CERT_SIGN_AND_CRL_SIGN = bitString(Buffer.from([0x06]), 1);

export interface Validity {
  notBefore: number;
  notAfter: number;
}

export interface Issuer {
  commonName: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** A self-signed CA certificate that may sign leaves only. DER. */
export function createCACertificate(ca: Issuer, validity: Validity): Buffer {
  return certificate(ca, ca.commonName, ca.publicKey, validity, [
    extension('2.5.29.19', true, sequence(boolean(true), integer(Buffer.from([0])))),
    extension('2.5.29.15', true, KEY_CERT_SIGN_AND_CRL_SIGN),
    extension('2.5.29.14', false, octetString(keyIdentifier(ca.publicKey))),
  ]);
}

/** A server certificate for one DNS name or IP address. DER. */
export function createLeafCertificate(
  ca: Issuer,
  name: string,
  publicKey: KeyObject,
  validity: Validity,
): Buffer {
  const commonName = name.length <= COMMON_NAME_LIMIT ? name : 'intercepted';
  return certificate(ca, commonName, publicKey, validity, [
    extension('2.5.29.19', true, sequence()),
    extension('2.5.29.15', true, DIGITAL_SIGNATURE),
    extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', false, sequence(alternativeName(name))),
    extension('2.5.29.14', false, octetString(keyIdentifier(publicKey))),
    // Strict verifiers (Python 3.13) insist on it even where the subject alone finds the issuer.
    extension('2.5.29.35', false, sequence(implicit(0, keyIdentifier(ca.publicKey)))),
  ]);
}

function alternativeName(name: string): Buffer {
  const address = addressBytes(name);
  return address === null ? implicit(2, Buffer.from(name, 'ascii')) : implicit(7, address);
}

function certificate(
  issuer: Issuer,
  subject: string,
  publicKey: KeyObject,
  validity: Validity,
  extensions: readonly Buffer[],
): Buffer {
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer.commonName),
    sequence(time(validity.notBefore), time(validity.notAfter)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer.privateKey);
  return sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature));
}

const distinguishedName = (commonName: string): Buffer =>
  sequence(set(sequence(COMMON_NAME, utf8String(commonName))));

function extension(identifier: string, critical: boolean, value: Buffer): Buffer {
  return critical
    ? sequence(objectIdentifier(identifier), boolean(true), octetString(value))
    : sequence(objectIdentifier(identifier), octetString(value));
}

/** RFC 5280 4.1.2.2: positive, at most 20 bytes, never zero. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** RFC 7093 2 (1): the first 160 bits of SHA-256 over the key. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

export function toPEM(certificateDER: Buffer): string {
  const lines = certificateDER.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
