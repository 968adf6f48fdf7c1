/** The pod's own certificate authority. Its key never leaves the pod's memory. */

import { constants, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { BoundedMap } from '../../core/bounded-map.ts';
import { withoutFinalDot } from '../../core/text/url.ts';
import { replaceFile } from '../files/replace-file.ts';
import { createCACertificate, createLeafCertificate, type Issuer, toPEM } from './certificate.ts';

const HOUR = 3_600_000;
/** Longer than any pod lives: a CA that ends before its pod would cut the agent off. */
const CA_VALIDITY = 10 * 365 * 24 * HOUR;
export const LEAF_VALIDITY = 24 * HOUR;
/** A leaf with less than this left is replaced, so that no connection starts on one that ends soon. */
const EXPIRY_BUFFER = 6 * HOUR;
/** The clock of a client may be late: what the agent runs elsewhere does not share ours. */
const SKEW = HOUR;

/**
 * Sessions are never resumed (Node keeps none either): no certificate would be asked for, so nobody would hear the server
 * name, and with TLS 1.2 the client could send another one than its session had.
 */
const NO_RESUMPTION = constants.SSL_OP_NO_TICKET;

/** RFC 5890 LDH labels and underscores; a TLS server name is the client's text, and goes into a certificate. */
const DNS_NAME = /^(?=.{1,253}$)(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.|$))+(?<!\.)$/;

export interface CertificateAuthority {
  /** PEM of the CA certificate: what the agent's trust store gets. */
  readonly certificate: string;
  /** A server's secure context for a DNS name or IP address; cached. @throws TypeError if it is neither */
  contextFor(name: string): SecureContext;
}

export interface CertificateAuthorityOptions {
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Names whose contexts are kept (least recently used go first). */
  cacheSize?: number;
}

/** What makes a CA: its key, its name and the certificate that says so. */
export interface CAIdentity {
  readonly issuer: Issuer;
  /** PEM. */
  readonly certificate: string;
}

interface CachedContext {
  context: SecureContext;
  renewAfter: number;
}

/** A key and certificate of its own for this pod. */
export function createCAIdentity(now: number): CAIdentity {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // A name of its own: two CAs with one name and different keys confuse trust stores after a restart.
  const commonName = `ActionGrant pod CA ${randomBytes(8).toString('hex')}`;
  const issuer: Issuer = { commonName, ...keys };
  const validity = { notBefore: now - SKEW, notAfter: now + CA_VALIDITY };
  return { issuer, certificate: toPEM(createCACertificate(issuer, validity)) };
}

/** @param identity of a CA that was there before; a new one otherwise */
export function createCertificateAuthority(
  options: CertificateAuthorityOptions,
  identity: CAIdentity = createCAIdentity(options.now()),
): CertificateAuthority {
  const { now, cacheSize = 128 } = options;
  const { issuer, certificate } = identity;

  // One key serves every leaf: it guards only the way inside the pod, and a key pair for each name would cost more.
  const leafKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = leafKeys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const cache = new BoundedMap<string, CachedContext>(cacheSize);

  const mint = (name: string, at: number): CachedContext => {
    const leafValidity = { notBefore: at - SKEW, notAfter: at + LEAF_VALIDITY };
    const cert = toPEM(createLeafCertificate(issuer, name, leafKeys.publicKey, leafValidity));
    return {
      context: createSecureContext({
        key,
        cert,
        minVersion: 'TLSv1.2',
        secureOptions: NO_RESUMPTION,
      }),
      renewAfter: at + LEAF_VALIDITY - EXPIRY_BUFFER,
    };
  };

  return {
    certificate,
    contextFor(given) {
      // Clients compare certificates with the name without its final dot.
      const name = withoutFinalDot(given.toLowerCase());
      if (isIP(name) === 0 && !DNS_NAME.test(name)) {
        throw new TypeError('not a DNS name or IP address');
      }
      const at = now();
      const cached = cache.get(name);
      const entry = cached !== undefined && at < cached.renewAfter ? cached : mint(name, at);
      // Also when it was there before: the names that are used stay.
      cache.set(name, entry);
      return entry.context;
    },
  };
}

/** Writes the CA certificate, and only it: whole or not at all, so that no reader sees half of it. */
export async function writeCACertificate(
  authority: CertificateAuthority,
  path: string,
): Promise<void> {
  await replaceFile(path, authority.certificate, 0o644);
}
