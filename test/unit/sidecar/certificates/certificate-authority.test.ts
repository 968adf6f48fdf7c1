import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type SecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  createCertificateAuthority,
  writeCACertificate,
} from '../../../../sidecar/certificates/certificate-authority.ts';

const HOUR = 3_600_000;

/** The certificate that a client is shown by a server with this context. */
async function certificateOf(context: SecureContext): Promise<X509Certificate> {
  const server = createServer({ SNICallback: (_name, done) => done(null, context) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, servername: 'any.example.com', rejectUnauthorized: false });
  await once(client, 'secureConnect');
  const certificate = client.getPeerX509Certificate();
  client.destroy();
  server.close();
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

describe('the pod CA', () => {
  const authority = createCertificateAuthority({ now: Date.now });
  const ca = new X509Certificate(authority.certificate);

  it('is a self-signed CA that outlives the pod', () => {
    expect(ca.ca).toBe(true);
    expect(ca.checkIssued(ca)).toBe(true);
    expect(ca.verify(ca.publicKey)).toBe(true);
    expect(ca.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(ca.validToDate.getTime()).toBeGreaterThan(Date.now() + 9 * 365 * 24 * HOUR);
  });

  it('has a name and key of its own in every process', () => {
    const other = new X509Certificate(createCertificateAuthority({ now: Date.now }).certificate);
    expect(other.subject).not.toBe(ca.subject);
    expect(other.verify(ca.publicKey)).toBe(false);
  });

  it.each([
    ['edr.example.com', 'DNS:edr.example.com'],
    ['EDR.Example.com', 'DNS:edr.example.com'],
    // Clients compare a certificate with the name without its final dot.
    ['edr.example.com.', 'DNS:edr.example.com'],
    ['a_b.internal', 'DNS:a_b.internal'],
    ['kubernetes', 'DNS:kubernetes'],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`, /^DNS:a{63}/],
    ['10.96.0.1', 'IP Address:10.96.0.1'],
    ['fd00::1', 'IP Address:FD00:0:0:0:0:0:0:1'],
    ['::ffff:10.0.0.1', /^IP Address:/],
  ])('certifies %s', async (name, expected) => {
    const leaf = await certificateOf(authority.contextFor(name));
    if (typeof expected === 'string') expect(leaf.subjectAltName).toBe(expected);
    else expect(leaf.subjectAltName).toMatch(expected);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.validToDate.getTime()).toBeLessThanOrEqual(Date.now() + 24 * HOUR);
  });

  it.each(['', '.', 'a..b', 'a..', '-a', 'a b', 'a\u0000b', '*.example.com', 'x'.repeat(254), 'é'])(
    'does not certify %j',
    (name) => {
      expect(() => authority.contextFor(name)).toThrow(TypeError);
    },
  );

  it('has serial numbers that differ and are positive', async () => {
    const serials = await Promise.all(
      ['a.test', 'b.test', 'c.test'].map(
        async (name) => (await certificateOf(authority.contextFor(name))).serialNumber,
      ),
    );
    expect(new Set(serials).size).toBe(3);
    for (const serial of serials) expect(Number.parseInt(serial[0] ?? 'f', 16)).toBeLessThan(8);
  });
});

describe('contexts', () => {
  it('are kept, and made anew well before they expire', () => {
    let now = Date.UTC(2026, 0, 1);
    const authority = createCertificateAuthority({ now: () => now });
    const first = authority.contextFor('a.test');
    now += 17 * HOUR;
    expect(authority.contextFor('A.test')).toBe(first);
    now += 2 * HOUR;
    expect(authority.contextFor('a.test')).not.toBe(first);
  });

  it('are kept for a bounded number of names, the most recently used ones', () => {
    const authority = createCertificateAuthority({ now: Date.now, cacheSize: 2 });
    const a = authority.contextFor('a.test');
    const b = authority.contextFor('b.test');
    expect(authority.contextFor('a.test')).toBe(a);
    authority.contextFor('c.test');
    expect(authority.contextFor('a.test')).toBe(a);
    expect(authority.contextFor('b.test')).not.toBe(b);
  });
});

it('writes the certificate and nothing else, readable by the agent', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ca-'));
  const path = join(directory, 'ca.crt');
  for (const _restart of [1, 2]) {
    const authority = createCertificateAuthority({ now: Date.now });
    await writeCACertificate(authority, path);
    expect(await readFile(path, 'utf8')).toBe(authority.certificate);
  }
  expect(await readdir(directory)).toEqual(['ca.crt']);
  expect((await readFile(path, 'utf8')).match(/BEGIN [A-Z ]+/g)).toEqual(['BEGIN CERTIFICATE']);
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  await rm(directory, { recursive: true });
});
