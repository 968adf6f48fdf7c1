/**
 * Java's own key store format (JKS), as far as a trust store needs it: certificates without keys. Every Java reads it, without
 * being told its type; PKCS #12 without a password only newer ones do. Written out because no JVM is at hand to make it, and
 * its reader, `sun.security.provider.JavaKeyStore`, is its only specification.
 */

import { createHash, X509Certificate } from 'node:crypto';

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;
/** Whitens the digest's start; it is in the JDK's source like that. */
const WHITENER = 'Mighty Aphrodite';

/** A key store with one certificate. @param certificate PEM or DER @throws Error if it is none */
export function createJavaTrustStore(
  certificate: string | Uint8Array,
  { alias, password }: { alias: string; password: string },
): Buffer {
  const parsed = new X509Certificate(certificate);
  const content = Buffer.concat([
    uint32(MAGIC),
    uint32(VERSION),
    uint32(1),
    uint32(TRUSTED_CERTIFICATE),
    text(alias),
    // When it was added: the certificate's own date, so that the same certificate gives the same file.
    uint64(BigInt(parsed.validFromDate.getTime())),
    text('X.509'),
    uint32(parsed.raw.length),
    parsed.raw,
  ]);
  const digest = createHash('sha1')
    .update(Buffer.from(password, 'utf16le').swap16())
    .update(WHITENER)
    .update(content)
    .digest();
  return Buffer.concat([content, digest]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** `DataOutput.writeUTF` of ASCII. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'ascii');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
