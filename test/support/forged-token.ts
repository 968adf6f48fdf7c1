import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, SignJWT } from 'jose';
import type { ControlPlane } from './control-plane.ts';

export interface Forgery {
  /** Instead of the token's own; undefined takes one away. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Instead of the token's own. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Who signs: the cluster itself (default), a stranger, or whoever knows the cluster's public key as an HMAC secret. */
  readonly signer?: 'Cluster' | 'Stranger' | 'PublicKeyAsSecret' | 'Nobody';
}

/** A real token, changed, and signed again: what the API server would never issue, or only to others. */
export async function forge(
  plane: ControlPlane,
  token: string,
  { claims = {}, header = {}, signer = 'Cluster' }: Forgery,
): Promise<string> {
  const payload = defined({ ...decodeJwt(token), ...claims });
  const head = defined({ ...decodeProtectedHeader(token), ...header });
  if (signer === 'Nobody') return `${encode(head)}.${encode(payload)}.`;
  return new SignJWT(payload)
    .setProtectedHeader(head as JWTHeaderParameters)
    .sign(keyOf(plane, signer));
}

function keyOf(
  plane: ControlPlane,
  signer: 'Cluster' | 'Stranger' | 'PublicKeyAsSecret',
): KeyObject | Uint8Array {
  const file = (name: string): Buffer => readFileSync(join(plane.directory, name));
  switch (signer) {
    case 'Cluster':
      return createPrivateKey(file('service-account.key'));
    case 'Stranger':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'PublicKeyAsSecret':
      return file('service-account.pub');
  }
}

function defined(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
