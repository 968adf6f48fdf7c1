import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, issue, type KeyPairPem } from './pki.ts';

/** Keys, certificates, tokens and the admin's kubeconfig; readable by this user only. */
export async function writeState(
  directory: string,
  url: string,
  addresses: readonly string[] = ['127.0.0.1', '10.96.0.1'],
): Promise<void> {
  const [servingCa, clientCa] = await Promise.all([
    createAuthority('test cluster serving'),
    createAuthority('test cluster clients'),
  ]);
  const serving = await issue(servingCa, {
    commonName: 'kube-apiserver',
    dnsNames: [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
    ],
    ipAddresses: addresses,
    usage: 'server',
  });
  const serviceAccount = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  });
  const adminToken = randomBytes(24).toString('base64url');
  const files: Readonly<Record<string, string>> = {
    'ca.crt': servingCa.certificate,
    'serving.crt': serving.certificate,
    'serving.key': serving.key,
    'client-ca.crt': clientCa.certificate,
    'client-ca.key': clientCa.key,
    'service-account.pub': serviceAccount.publicKey,
    'service-account.key': serviceAccount.privateKey,
    'tokens.csv': `${adminToken},admin,admin,system:masters\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), content, { mode: 0o600 });
  }
  mkdirSync(join(directory, 'kubeconfigs'));
  writeKubeconfig(join(directory, 'admin.kubeconfig'), url, servingCa.certificate, {
    token: adminToken,
  });
}

/** A certificate and its key from the cluster's directory. */
export function readPair(directory: string, name: string): KeyPairPem {
  return {
    certificate: readFileSync(join(directory, `${name}.crt`), 'utf8'),
    key: readFileSync(join(directory, `${name}.key`), 'utf8'),
  };
}

/** Written aside and renamed: another worker may be reading the same identity's file. */
export function writeKubeconfig(
  path: string,
  server: string,
  caPem: string,
  user: Readonly<Record<string, string>>,
): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': encode(caPem) } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(aside, JSON.stringify(config), { mode: 0o600 });
  renameSync(aside, path);
  return path;
}

/** As kubeconfig's `-data` fields have it. */
export function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
