/** The pod CA, kept in a memory volume of the pod that only the sidecar mounts: a restarted sidecar is still trusted. */

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../process/log.ts';
import { replaceFile } from '../files/replace-file.ts';
import {
  type CAIdentity,
  type CertificateAuthority,
  createCAIdentity,
  createCertificateAuthority,
  LEAF_VALIDITY,
} from './certificate-authority.ts';

/** Key and certificate in one file, so that there is never one without the other. */
const FILE = 'pod-ca.pem';
/** Far more than the two take. */
const MAX_BYTES = 16 * 1024;

export interface LoadCertificateAuthorityOptions {
  /** Where the key is kept; nobody else may be able to read it. */
  stateDirectory: string;
  /** Wall clock, ms since the epoch. */
  now(): number;
  log: Logger;
}

/**
 * The CA of this pod: the one that was kept, or a new one where there is none or it cannot be used. Clients that read the
 * certificate of the old one before do not trust the new one; that is worth a warning.
 * @throws Error if it cannot be kept
 */
export async function loadCertificateAuthority(
  options: LoadCertificateAuthorityOptions,
): Promise<CertificateAuthority> {
  const { stateDirectory, now, log } = options;
  const path = join(stateDirectory, FILE);
  const kept = await readIdentity(path, now()).catch((error: unknown) => {
    log.warn('the pod CA was replaced: the kept one cannot be used', { error });
    return null;
  });
  if (kept !== null) return createCertificateAuthority({ now }, kept);
  const identity = createCAIdentity(now());
  const key = identity.issuer.privateKey.export({ type: 'pkcs8', format: 'pem' });
  await replaceFile(path, `${key}${identity.certificate}`, 0o600);
  return createCertificateAuthority({ now }, identity);
}

/** @returns null if nothing was kept @throws Error if what was kept cannot be used */
async function readIdentity(path: string, at: number): Promise<CAIdentity | null> {
  const text = await readPrivate(path);
  if (text === null) return null;
  const privateKey = createPrivateKey(text);
  const certificate = new X509Certificate(text);
  const commonName = /^CN=(ActionGrant pod CA [0-9a-f]{16})$/.exec(certificate.subject)?.[1];
  if (commonName === undefined || !certificate.ca || !certificate.verify(certificate.publicKey)) {
    throw new Error('it is no CA of ours');
  }
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('key and certificate differ');
  if (certificate.validFromDate.getTime() > at) throw new Error('it is not valid yet');
  // A leaf must not outlive it.
  if (certificate.validToDate.getTime() < at + LEAF_VALIDITY) throw new Error('it has expired');
  const issuer = { commonName, privateKey, publicKey: createPublicKey(privateKey) };
  return { issuer, certificate: certificate.toString() };
}

/** A file that is ours alone. */
async function readPrivate(path: string): Promise<string | null> {
  const opened = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: unknown) => {
      if ((error as { code?: unknown }).code === 'ENOENT') return null;
      throw error;
    },
  );
  if (opened === null) return null;
  try {
    const { mode, uid, size } = await opened.stat();
    const exposed = (mode & 0o077) !== 0 || uid !== process.getuid?.();
    if (exposed) throw new Error('others could read or write it');
    if (size > MAX_BYTES) throw new Error('it is too large');
    return await opened.readFile('utf8');
  } finally {
    await opened.close();
  }
}
