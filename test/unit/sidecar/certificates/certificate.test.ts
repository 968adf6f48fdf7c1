import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createCACertificate,
  createLeafCertificate,
  toPEM,
} from '../../../../sidecar/certificates/certificate.ts';

const validity = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2051, 0, 1) };
const issuer = { commonName: 'a CA', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
const leafKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ca = new X509Certificate(createCACertificate(issuer, validity));
const leafFor = (name: string) =>
  new X509Certificate(createLeafCertificate(issuer, name, leafKeys.publicKey, validity));

describe('the certificate of a CA', () => {
  it('is one of a CA, signed by itself', () => {
    expect(ca.ca).toBe(true);
    expect(ca.subject).toBe('CN=a CA');
    expect(ca.issuer).toBe('CN=a CA');
    expect(ca.verify(issuer.publicKey)).toBe(true);
    expect(ca.checkPrivateKey(issuer.privateKey)).toBe(true);
  });

  it('is valid in its time', () => {
    expect(ca.validFromDate.getTime()).toBe(validity.notBefore);
    expect(ca.validToDate.getTime()).toBe(validity.notAfter);
  });
});

describe('the certificate of a name', () => {
  it.each([
    ['edr.example.com', 'DNS:edr.example.com'],
    ['10.96.0.1', 'IP Address:10.96.0.1'],
    ['fd00::1', 'IP Address:FD00:0:0:0:0:0:0:1'],
  ])('%s says %s', (name, subjectAltName) => {
    expect(leafFor(name).subjectAltName).toBe(subjectAltName);
  });

  it('is signed by its CA, and is no CA', () => {
    const leaf = leafFor('edr.example.com');
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.verify(issuer.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it.each([
    [64, 'a'.repeat(64)],
    [65, 'intercepted'],
  ])('of %i characters has the common name %s', (length, commonName) => {
    expect(leafFor('a'.repeat(length)).subject).toBe(`CN=${commonName}`);
  });

  it('has a serial number of its own, positive and of 16 bytes', () => {
    const numbers = Array.from({ length: 20 }, () => leafFor('a').serialNumber);
    expect(new Set(numbers).size).toBe(20);
    for (const number of numbers) expect(number).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});

it('is written as PEM in lines of 64 characters', () => {
  const lines = toPEM(ca.raw).split('\n');
  expect(new X509Certificate(toPEM(ca.raw)).raw).toEqual(ca.raw);
  expect(Math.max(...lines.map((line) => line.length))).toBe(64);
  expect(lines.at(-1)).toBe('');
});
