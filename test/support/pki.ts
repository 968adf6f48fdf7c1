import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;

/** A certificate and its key, both as PEM. */
export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

/** Who a leaf certificate is for. Kubernetes reads CN as the user and each O as a group. */
export interface LeafRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usage: 'client' | 'server';
  /** Default: a day from now. */
  readonly notAfter?: Date;
}

/** A certificate authority of a test cluster. */
export async function createAuthority(commonName: string): Promise<KeyPairPem> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: new Name([{ CN: [commonName] }]),
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A leaf certificate signed by `authority`, with a new key. */
export async function issue(authority: KeyPairPem, request: LeafRequest): Promise<KeyPairPem> {
  const keys = await generateKeys();
  const issuer = new X509Certificate(authority.certificate);
  const certificate = await X509CertificateGenerator.create({
    issuer: issuer.subjectName,
    subject: subject(request),
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validity(request.notAfter),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage[`${request.usage}Auth`]]),
      await AuthorityKeyIdentifierExtension.create(issuer),
      ...alternativeNames(request),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** One RDN each: a JSON name keeps values such as `system:node:node-1` free of DN escaping. */
function subject({ commonName, organizations = [] }: LeafRequest): Name {
  return new Name([...organizations.map((group) => ({ O: [group] })), { CN: [commonName] }]);
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: LeafRequest) {
  const names = [
    ...dnsNames.map((value) => ({ type: 'dns' as GeneralNameType, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as GeneralNameType, value })),
  ];
  return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)];
}

/** Starts a little in the past: two clocks on one machine still round differently. */
function validity(notAfter = new Date(Date.now() + DAY_MILLISECONDS)): {
  notBefore: Date;
  notAfter: Date;
} {
  const notBefore = new Date(Math.min(Date.now(), notAfter.getTime()) - 60_000);
  return { notBefore, notAfter };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
