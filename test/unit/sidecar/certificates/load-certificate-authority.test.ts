import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../process/log.ts';
import { createCAIdentity } from '../../../../sidecar/certificates/certificate-authority.ts';
import { loadCertificateAuthority } from '../../../../sidecar/certificates/load-certificate-authority.ts';

const YEAR = 365 * 24 * 3_600_000;

describe('the pod CA', () => {
  let stateDirectory: string;
  let lines: string[];
  beforeEach(() => {
    stateDirectory = mkdtempSync(join(tmpdir(), 'state-'));
    lines = [];
  });
  afterEach(() => rmSync(stateDirectory, { recursive: true }));

  const file = () => join(stateDirectory, 'pod-ca.pem');
  const load = (now = Date.now()) => {
    const write = (line: string) => void lines.push(line);
    const log = createLogger({ level: 'info', fields: {}, write, now: Date.now });
    return loadCertificateAuthority({ stateDirectory, now: () => now, log });
  };

  it('is the same after a restart, and what it signs verifies', async () => {
    const first = await load();
    const again = await load();
    expect(again.certificate).toBe(first.certificate);
    const server = createServer({
      SNICallback: (name, done) => done(null, again.contextFor(name)),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // As a client that read the certificate before the restart.
    const client = connect({ port, servername: 'a.example.com', ca: first.certificate });
    await once(client, 'secureConnect');
    expect(client.authorized).toBe(true);
    client.destroy();
    server.close();
    expect(lines).toEqual([]);
  });

  it('is kept where only the sidecar can read it, and nothing else is', async () => {
    await load();
    expect(readdirSync(stateDirectory)).toEqual(['pod-ca.pem']);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const kinds = readFileSync(file(), 'utf8').match(/BEGIN [A-Z ]+/g);
    expect(kinds).toEqual(['BEGIN PRIVATE KEY', 'BEGIN CERTIFICATE']);
  });

  const identity = createCAIdentity(Date.now());
  const other = createCAIdentity(Date.now());
  const key = ({ issuer }: typeof identity) =>
    issuer.privateKey.export({ type: 'pkcs8', format: 'pem' });

  it.each([
    ['is empty', ''],
    ['is cut off', `${key(identity)}`],
    ['is garbage', 'x'.repeat(1000)],
    ['is too large', `${key(identity)}${identity.certificate}${'x'.repeat(20_000)}`],
    ['has the certificate of another key', `${key(identity)}${other.certificate}`],
    ['has no key', identity.certificate],
  ])('is made anew where what was kept %s', async (_name, content) => {
    writeFileSync(file(), content, { mode: 0o600 });
    const made = await load();
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn' });
    expect(lines[0]).not.toContain('PRIVATE');
    expect((await load()).certificate).toBe(made.certificate);
    expect(lines).toHaveLength(1);
  });

  it('is made anew where it expired, or is not valid yet', async () => {
    const first = await load();
    const later = await load(Date.now() + 10 * YEAR);
    expect(later.certificate).not.toBe(first.certificate);
    const back = await load();
    expect(back.certificate).not.toBe(later.certificate);
    expect(new X509Certificate(back.certificate).validFromDate.getTime()).toBeLessThan(Date.now());
    expect(lines.map((line) => JSON.parse(line).error.message)).toEqual([
      'it has expired',
      'it is not valid yet',
    ]);
  });

  it('is made anew where others could read what was kept', async () => {
    const first = await load();
    chmodSync(file(), 0o640);
    expect((await load()).certificate).not.toBe(first.certificate);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is not read through a link, nor written through one', async () => {
    const elsewhere = join(stateDirectory, 'elsewhere');
    writeFileSync(elsewhere, `${key(identity)}${identity.certificate}`, { mode: 0o600 });
    symlinkSync(elsewhere, file());
    symlinkSync(elsewhere, `${file()}.new`);
    const made = await load();
    expect(made.certificate).not.toBe(identity.certificate);
    expect(readFileSync(elsewhere, 'utf8')).toContain(identity.certificate);
    expect(statSync(file()).isFile()).toBe(true);
    expect((await load()).certificate).toBe(made.certificate);
  });

  it('cannot be had where it cannot be kept', async () => {
    rmSync(stateDirectory, { recursive: true });
    await expect(load()).rejects.toMatchObject({ code: 'ENOENT' });
    stateDirectory = mkdtempSync(join(tmpdir(), 'state-'));
  });
});
