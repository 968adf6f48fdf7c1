import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import {
  AUTHORITY_LIFETIME,
  issueAuthority,
  issueServing,
  type KeyPair,
  readAuthority,
  readAuthorityPair,
} from '../../../../controller/certificates/authority.ts';

const DAY = 86_400_000;
const NAME = 'actiongrant-controller.actiongrant-system.svc';

/** A real handshake with a server of this certificate; undefined, or why the client refused. */
async function handshake(serving: KeyPair, ca: string, name: string): Promise<string | undefined> {
  const server = createServer({ cert: serving.pem, key: serving.key.reveal() });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername: name, ca });
  try {
    await once(socket, 'secureConnect');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    socket.destroy();
    server.close();
  }
}

describe('an authority', () => {
  test('may sign serving certificates and nothing else', async () => {
    const now = Date.now();
    const authority = await issueAuthority(now);
    const certificate = new X509Certificate(authority.pem);
    expect(certificate.ca).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(authority.notBefore).toBeLessThan(now);
    expect(Math.abs(authority.notAfter - now - AUTHORITY_LIFETIME)).toBeLessThan(1000);
  });

  test('is read back as it was written', async () => {
    const authority = await issueAuthority(Date.now());
    const { pem, notBefore, notAfter } = authority;
    expect(readAuthority(pem)).toEqual({ pem, notBefore, notAfter });
    expect(readAuthorityPair(pem, authority.key)).toEqual(authority);
  });

  test('is not read with the key of another', async () => {
    const [one, other] = await Promise.all([issueAuthority(0), issueAuthority(0)]);
    expect(() => readAuthorityPair(one.pem, other.key)).toThrow('does not belong');
  });

  test('is not read from a serving certificate', async () => {
    const serving = await issueServing(await issueAuthority(Date.now()), [NAME], Date.now());
    expect(() => readAuthority(serving.pem)).toThrow('not one of a certificate authority');
  });

  test('never prints its key', async () => {
    const authority = await issueAuthority(Date.now());
    expect(JSON.stringify(authority)).not.toContain('PRIVATE KEY');
  });
});

describe('a serving certificate', () => {
  test('is verified by its names and addresses, and by no others', async () => {
    const now = Date.now();
    const authority = await issueAuthority(now);
    const serving = await issueServing(authority, [NAME, '127.0.0.1', '::1'], now);
    expect(await handshake(serving, authority.pem, NAME)).toBeUndefined();
    expect(await handshake(serving, authority.pem, 'other.svc')).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    const certificate = new X509Certificate(serving.pem);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.ca).toBe(false);
  });

  test('is refused by whoever trusts another authority', async () => {
    const now = Date.now();
    const [authority, other] = await Promise.all([issueAuthority(now), issueAuthority(now)]);
    const serving = await issueServing(authority, [NAME], now);
    expect(await handshake(serving, other.pem, NAME)).toMatch(/UNABLE_TO|SELF_SIGNED|SIGNATURE/);
  });

  test('begins and ends within the life of its authority', async () => {
    const authority = await issueAuthority(0);
    const early = await issueServing(authority, [NAME], -DAY);
    const late = await issueServing(authority, [NAME], AUTHORITY_LIFETIME - 1000);
    expect(early.notBefore).toBe(authority.notBefore);
    expect(late.notAfter).toBe(authority.notAfter);
  });
});
