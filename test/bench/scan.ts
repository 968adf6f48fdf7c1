/**
 * What it costs to look for live credentials in answers: the scanner alone, in processor time of this process. What that is of a
 * whole request says `forwarding`.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Secret } from '../../core/text/secret.ts';
import { serviceAccountToken } from '../../sidecar/credential/service-account-token.ts';
import { LiveSecrets } from '../../sidecar/scan/live-secrets.ts';
import { SecretScanner } from '../../sidecar/scan/secret-scanner.ts';
import { signedToken } from '../support/signed-tokens.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { median } from './statistics.ts';

const ROUNDS = 7;
const CHUNK_BYTES = 64 * 1024;
/** Uses that have ended stay live for 10 s: this is ten a second, and none. */
const LIVE = [1, 100];

const TOKENS = 50;

export const scan: Benchmark = {
  name: 'scan',
  async run(_environment, say) {
    const figures: Figure[] = [];
    for (const live of LIVE) {
      const secrets = new LiveSecrets();
      for (let n = 0; n < live; n++) secrets.add(textsOf(signedToken()));
      for (const [name, bytes] of Object.entries(answers())) {
        const speed = median(
          Array.from({ length: ROUNDS }, () => megabytesPerSecond(secrets, bytes)),
        );
        say(`${live} live, ${name}: ${speed.toFixed(0)} MB/s`);
        figures.push({
          key: `scan_${name}_${live}_live_mb_per_second`,
          value: speed,
          meaning: `of processor time, ${live} live`,
        });
      }
    }
    const microseconds = median(Array.from({ length: ROUNDS }, makeAndForget));
    say(`a token is made live and forgotten in ${microseconds.toFixed(0)} µs`);
    figures.push({
      key: 'scan_credential_us',
      value: microseconds,
      meaning: 'one credential, made live and forgotten',
    });
    return figures;
  },
};

const textsOf = (token: string) => serviceAccountToken.secretTexts(new Secret(token));

/** Some megabytes of what agents read. */
function answers(): Record<string, Buffer> {
  const pods = Array.from({ length: 8_000 }, (_, n) => ({
    metadata: { name: `agent-${n}`, namespace: 'soc', uid: randomUUID(), labels: { app: 'agent' } },
    spec: { containers: [{ name: 'agent', image: 'registry.example.com/agent:1.2.3' }] },
    status: { phase: 'Running', podIP: `10.0.0.${n % 256}` },
  }));
  const program = readFileSync(new URL('../../sidecar/main.js', import.meta.url));
  return {
    json: Buffer.from(JSON.stringify({ kind: 'PodList', items: pods })),
    script: Buffer.concat([program, program]),
    base64: Buffer.from(randomBytes(1_500_000).toString('base64')),
  };
}

function megabytesPerSecond(secrets: LiveSecrets, bytes: Buffer): number {
  const scanner = new SecretScanner(secrets);
  const start = processorMicroseconds();
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    if (scanner.push(bytes.subarray(at, at + CHUNK_BYTES)) === null) {
      throw new Error('a token was found where there is none');
    }
  }
  return bytes.length / (processorMicroseconds() - start);
}

function makeAndForget(): number {
  const secrets = new LiveSecrets();
  const all = Array.from({ length: TOKENS }, () => textsOf(signedToken()));
  const start = processorMicroseconds();
  const ends = all.map((texts) => secrets.add(texts));
  for (const end of ends) end();
  return (processorMicroseconds() - start) / TOKENS;
}

function processorMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
