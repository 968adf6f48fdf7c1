/** What clients find in the agent's directory, read by the real clients where this machine has them. */

import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AGENT_DIRECTORY,
  AGENT_FILES,
  JAVA_TRUST_STORE_PASSWORD,
} from '../../../../core/api/pod-layout.ts';
import { createCertificateAuthority } from '../../../../sidecar/certificates/certificate-authority.ts';
import { writeAgentFiles } from '../../../../sidecar/files/agent-files.ts';

const run = promisify(execFile);
const NAME = 'localhost';

/** A client that this machine may lack; in CI it may not. */
function has(program: string, ...args: string[]): boolean {
  const found = spawnSync(program, args).status === 0;
  if (!found && process.env['CI'] === 'true') throw new Error(`CI must have ${program}`);
  if (!found) process.stderr.write(`\nNOT TESTED: agent files with ${program}, not installed\n\n`);
  return found;
}

const JAVA = `
import java.net.URI;
import java.net.http.*;
public class Fetch {
  public static void main(String[] args) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(args[0])).build();
    System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}`;

describe('the agent files', () => {
  const authority = createCertificateAuthority({ now: Date.now });
  const directory = mkdtempSync(join(tmpdir(), 'agent-'));
  const scratch = mkdtempSync(join(tmpdir(), 'agent-scratch-'));
  const path = (key: keyof typeof AGENT_FILES) => join(directory, AGENT_FILES[key]);
  const server = createServer(
    { SNICallback: (name, done) => done(null, authority.contextFor(name)) },
    (_request, response) => response.end('intercepted'),
  );
  let url: string;

  beforeAll(async () => {
    await writeAgentFiles(directory, { caCertificate: authority.certificate, namespace: 'shop' });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://${NAME}:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    server.close();
    for (const made of [directory, scratch]) rmSync(made, { recursive: true });
  });

  it('are these, for everybody to read and nobody to write', () => {
    expect(readdirSync(directory).sort()).toEqual(Object.values(AGENT_FILES).sort());
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o444);
    }
  });

  it('hold no secret', () => {
    expect(readFileSync(path('ca'), 'utf8')).toBe(authority.certificate);
    expect(readFileSync(path('namespace'), 'utf8')).toBe('shop');
    // Fit for a header (RFC 6750 2.1), and the same in every pod.
    expect(readFileSync(path('token'), 'utf8')).toBe('actiongrant-no-token');
    expect(readFileSync(path('wgetrc'), 'utf8')).toBe(
      `ca_certificate = ${AGENT_DIRECTORY}/ca.crt\n`,
    );
  });

  it('are written over by a restarted sidecar, and left whole by one that was cut off', async () => {
    const other = createCertificateAuthority({ now: Date.now }).certificate;
    const again = mkdtempSync(join(scratch, 'again-'));
    for (const caCertificate of [authority.certificate, other]) {
      writeFileSync(join(again, 'ca.crt.new'), 'half a certifi');
      await writeAgentFiles(again, { caCertificate, namespace: 'shop' });
      expect(readFileSync(join(again, 'ca.crt'), 'utf8')).toBe(caCertificate);
    }
    expect(readdirSync(again).sort()).toEqual(Object.values(AGENT_FILES).sort());
  });

  it('are not written for what is no certificate', async () => {
    const empty = mkdtempSync(join(scratch, 'empty-'));
    const content = { caCertificate: 'not PEM', namespace: 'shop' };
    await expect(writeAgentFiles(empty, content)).rejects.toThrow();
    expect(readdirSync(empty)).toEqual([]);
  });

  it.skipIf(!has('keytool', '-help'))(
    'keytool reads the key store, and checks it',
    async () => {
      const list = (file: string, password: string) =>
        run('keytool', ['-list', '-rfc', '-keystore', file, '-storepass', password]);
      const { stdout } = await list(path('javaTrustStore'), JAVA_TRUST_STORE_PASSWORD);
      expect(stdout).toContain('actiongrant-pod-ca');
      expect(stdout).toContain('trustedCertEntry');
      const listed = /-----BEGIN[\s\S]+END CERTIFICATE-----/.exec(stdout)?.[0].replaceAll('\r', '');
      expect(`${listed}\n`).toBe(authority.certificate);
      await expect(list(path('javaTrustStore'), 'changeme')).rejects.toMatchObject({
        stdout: expect.stringContaining('password was incorrect'),
      });
      const broken = readFileSync(path('javaTrustStore'));
      broken[43] = (broken[43] ?? 0) ^ 1;
      writeFileSync(join(scratch, 'broken.jks'), broken);
      await expect(
        list(join(scratch, 'broken.jks'), JAVA_TRUST_STORE_PASSWORD),
      ).rejects.toMatchObject({ stdout: expect.stringContaining('tampered') });
    },
    60_000,
  );

  it.skipIf(!has('java', '--version') || !has('javac', '--version'))(
    "Java's client trusts the sidecar by it, and not without it",
    async () => {
      const source = join(scratch, 'Fetch.java');
      writeFileSync(source, JAVA);
      await run('javac', ['-d', scratch, source]);
      // As the webhook sets them in JAVA_TOOL_OPTIONS.
      const options = [
        `-Djavax.net.ssl.trustStore=${path('javaTrustStore')}`,
        `-Djavax.net.ssl.trustStorePassword=${JAVA_TRUST_STORE_PASSWORD}`,
      ];
      expect((await run('java', [...options, '-cp', scratch, 'Fetch', url])).stdout).toBe(
        'intercepted',
      );
      await expect(run('java', ['-cp', scratch, 'Fetch', url])).rejects.toThrow(/PKIX/);
    },
    60_000,
  );

  it.skipIf(!has('wget', '--version'))('wget trusts the sidecar by its start-up file', async () => {
    const wgetrc = join(scratch, 'wgetrc');
    writeFileSync(wgetrc, readFileSync(path('wgetrc'), 'utf8').replace(AGENT_DIRECTORY, directory));
    const fetch = (environment: Record<string, string>) =>
      run('wget', ['-q', '-t', '1', '-T', '5', '-O', '-', url], {
        env: { PATH: process.env['PATH'], HOME: scratch, ...environment },
      });
    expect((await fetch({ WGETRC: wgetrc })).stdout).toBe('intercepted');
    await expect(fetch({})).rejects.toMatchObject({ code: 5 });
  });

  /** A file as the agent sees it, which names the directory that the agent sees. */
  const asHere = (key: keyof typeof AGENT_FILES): string => {
    const here = join(scratch, AGENT_FILES[key]);
    writeFileSync(here, readFileSync(path(key), 'utf8').replaceAll(AGENT_DIRECTORY, directory));
    return here;
  };

  it.skipIf(!has('/usr/lib/apt/apt-helper', '--version'))(
    'apt trusts the sidecar by its configuration, and not without it',
    async () => {
      const fetch = (environment: Record<string, string>) =>
        run('/usr/lib/apt/apt-helper', ['download-file', url, join(scratch, 'of-apt')], {
          env: { PATH: process.env['PATH'], ...environment },
        });
      await expect(fetch({ SSL_CERT_FILE: path('ca') })).rejects.toMatchObject({ code: 100 });
      await fetch({ APT_CONFIG: asHere('aptConfiguration') });
      expect(readFileSync(join(scratch, 'of-apt'), 'utf8')).toBe('intercepted');
    },
  );

  it('PHP reads its configuration as it is written', () => {
    expect(readFileSync(path('phpConfiguration'), 'utf8')).toBe(
      `openssl.cafile = "${AGENT_DIRECTORY}/ca.crt"\ncurl.cainfo = "${AGENT_DIRECTORY}/ca.crt"\n`,
    );
  });

  it.skipIf(!has('curl', '--version'))('curl trusts the sidecar by the certificate', async () => {
    const fetch = (environment: Record<string, string>) =>
      run('curl', ['-sS', '-m', '5', url], { env: { PATH: process.env['PATH'], ...environment } });
    expect((await fetch({ CURL_CA_BUNDLE: path('ca') })).stdout).toBe('intercepted');
    await expect(fetch({})).rejects.toMatchObject({ code: 60 });
  });
});
