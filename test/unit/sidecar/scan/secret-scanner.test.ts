import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../core/text/secret.ts';
import { serviceAccountToken } from '../../../../sidecar/credential/service-account-token.ts';
import { LiveSecrets } from '../../../../sidecar/scan/live-secrets.ts';
import { isClean, SecretScanner } from '../../../../sidecar/scan/secret-scanner.ts';
import { ALGORITHMS, signatureOf, signedToken } from '../../../support/signed-tokens.ts';
import { IN_LINES_OF_16, WRITTEN } from './written-forms.ts';

function live(...tokens: string[]): LiveSecrets {
  const secrets = new LiveSecrets();
  for (const token of tokens) secrets.add(serviceAccountToken.secretTexts(new Secret(token)));
  return secrets;
}

/** Pushes the bytes in chunks of this length, the last one perhaps shorter. */
function scan(
  secrets: LiveSecrets,
  data: Buffer | string,
  chunk = 65_536,
): { passed: Buffer; found: boolean } {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const scanner = new SecretScanner(secrets);
  const passed: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += chunk) {
    const safe = scanner.push(bytes.subarray(start, start + chunk));
    if (safe === null) return { passed: Buffer.concat(passed), found: true };
    passed.push(safe);
  }
  const rest = scanner.end();
  return { passed: Buffer.concat([...passed, rest ?? Buffer.alloc(0)]), found: rest === null };
}

const tokens = Object.fromEntries(ALGORITHMS.map((name) => [name, signedToken(name)]));
const around = (bytes: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from('{"headers":"'), Buffer.from(bytes), Buffer.from('"}\n')]);

describe.each(ALGORITHMS)('a token that is signed with %s', (algorithm) => {
  const token = tokens[algorithm] ?? '';
  const signature = signatureOf(token);
  const secrets = live(token);
  const third = Math.floor(signature.length / 3);

  it.each(Object.keys(WRITTEN))('is found %s', (name) => {
    const write = WRITTEN[name] ?? String;
    const body = around(write(token));
    // Of what is written up to here, with a line of the longest form, everything may pass; nothing behind it does.
    const most = around(write(token.slice(0, token.length - signature.length + 56))).length;
    for (const chunk of [body.length, 1, 7, 1_000]) {
      const { passed, found } = scan(secrets, body, chunk);
      expect(found).toBe(true);
      expect(passed.length).toBeLessThan(most);
    }
  });

  it.each(Object.keys(WRITTEN))('is found %s by any third of its signature', (name) => {
    const write = WRITTEN[name] ?? String;
    for (const start of [0, 1, third, third + 5, signature.length - third]) {
      const part = signature.slice(start, start + third);
      expect([start, scan(secrets, around(write(part)), 50).found]).toEqual([start, true]);
    }
  });
});

describe('a token in a stream', () => {
  const token = tokens['RS256'] ?? '';
  const signature = signatureOf(token);
  const secrets = live(token);

  it('is found wherever the stream is split in two, and no byte of it passes', () => {
    const text = `before ${token} after`;
    for (let cut = 0; cut <= text.length; cut += 1) {
      const scanner = new SecretScanner(secrets);
      const first = scanner.push(Buffer.from(text.slice(0, cut)));
      const second = first === null ? null : scanner.push(Buffer.from(text.slice(cut)));
      expect(second).toBeNull();
      expect('before '.startsWith(String(first ?? ''))).toBe(true);
    }
  });

  it('is found byte by byte, and no byte of it passes', () => {
    const { passed, found } = scan(secrets, `before ${token}`, 1);
    expect([String(passed), found]).toEqual(['before ', true]);
  });

  it('is found by any 16 letters and digits of its signature', () => {
    const plain = signature.replaceAll(/[-_]/g, '');
    for (let start = 0; start + 16 <= plain.length; start += 1) {
      expect(scan(secrets, plain.slice(start, start + 16)).found).toBe(true);
    }
  });

  it.each(Object.keys(IN_LINES_OF_16))('is found %s', (name) => {
    const write = IN_LINES_OF_16[name] ?? String;
    for (const chunk of [1, 1_000]) {
      expect(scan(secrets, around(write(token)), chunk).found).toBe(true);
    }
  });

  it('is not taken for one that shares its head and claims', () => {
    const unsigned = token.slice(0, token.length - signature.length);
    for (const other of [unsigned, `${unsigned}${signedToken().slice(-342)}`, signedToken()]) {
      for (const chunk of [1, 10_000]) {
        const { passed, found } = scan(secrets, `[${other}]`, chunk);
        expect([found, String(passed)]).toEqual([false, `[${other}]`]);
      }
    }
  });

  it('is found among many, and costs no more: each has its own end', () => {
    const many = new LiveSecrets();
    const all = Array.from({ length: 40 }, () => signedToken());
    const ends = all.map((one) => many.add(serviceAccountToken.secretTexts(new Secret(one))));
    for (const [n, one] of all.entries()) {
      expect(scan(many, `x ${one}`, 13).found).toBe(true);
      ends[n]?.();
      expect(scan(many, `x ${one}`, 13).found).toBe(false);
      const next = all[n + 1];
      if (next !== undefined) expect(scan(many, `x ${next}`, 13).found).toBe(true);
    }
    expect([many.size, many.pieces.size]).toEqual([0, 0]);
  });

  it('is looked for from the moment it is live, in a stream that has begun', () => {
    const late = new LiveSecrets();
    const scanner = new SecretScanner(late);
    const push = (text: string): string | undefined => scanner.push(Buffer.from(text))?.toString();
    expect(push('data: 1\n')).toBe('data: 1\n');
    const end = late.add(serviceAccountToken.secretTexts(new Secret(token)));
    expect(push('data: 2\n')).toBe('data: 2\n');
    expect(push(`data: ${token.slice(0, 30)}`)).toBe('data: ');
    end();
    expect(push('!\n')).toBe(`${token.slice(0, 30)}!\n`);
    late.add(serviceAccountToken.secretTexts(new Secret(token)));
    expect(push(`data: ${token}`)).toBeUndefined();
  });

  it('passes at once as long as it is another: only the beginning of one waits for what follows', () => {
    const scanner = new SecretScanner(secrets);
    const push = (text: string): string | undefined => scanner.push(Buffer.from(text))?.toString();
    expect(push('data: {"n":1}\n\n')).toBe('data: {"n":1}\n\n');
    expect(push(`data: ${token.slice(0, 5)}`)).toBe('data: ');
    expect(push('\n\n')).toBe(`${token.slice(0, 5)}\n\n`);
    expect(push(`data: ${token.slice(0, 50)}`)).toBe('data: ');
    expect(push('x')).toBe('');
    expect(push('\n\n')).toBe(`${token.slice(0, 50)}x\n\n`);
  });

  it('holds back no more than a token is long', () => {
    const scanner = new SecretScanner(secrets);
    const head = token.slice(0, 40);
    let most = 0;
    let passed = 0;
    for (let sent = 0; sent < 100_000; sent += head.length) {
      passed += scanner.push(Buffer.from(head))?.length ?? 0;
      most = Math.max(most, sent + head.length - passed);
    }
    expect(most).toBeLessThanOrEqual(token.length + head.length);
  });

  it('is found over texts that go on where the one before ended, as the values of headers do', () => {
    const pieces = token.match(/.{1,15}/g) ?? [];
    expect(isClean(secrets, pieces)).toBe(false);
    expect(isClean(secrets, ['text/plain', 'no-store', signedToken()])).toBe(true);
    expect(isClean(new LiveSecrets(), pieces)).toBe(true);
  });

  it('without parts is found as it stands, however short it is', () => {
    const scanner = new SecretScanner(live('s3cret'));
    expect(scanner.push(Buffer.from('is s3cr'))?.toString()).toBe('is ');
    expect(scanner.push(Buffer.from('et'))).toBeNull();
  });
});

describe('a secret that is too short to be found in pieces', () => {
  it.each([5, 12, 13, 14, 15, 16])('of %i characters is found as it stands', (length) => {
    const secret = 'q7w2ER9tY4uI1oP6'.slice(0, length);
    expect(scan(live(secret), `(${secret})`, 4).found).toBe(true);
    expect(scan(live(secret), `(${secret.slice(0, -1)})`, 4).found).toBe(false);
  });

  it('is found with all that stands before it in its token, however long that is', () => {
    const token = `${signedToken().split('.').slice(0, 2).join('.')}.s3cret`;
    expect(scan(live(token), `(${token})`, 9).found).toBe(true);
    expect(scan(live(token), `(${token.slice(0, -1)})`, 9).found).toBe(false);
  });
});

describe('a stream without a live token', () => {
  const many = live(...Array.from({ length: 25 }, () => signedToken()), signedToken('ES256'));
  const bundle = createRequire(import.meta.url).resolve('vite');

  it.each<[string, () => Buffer | string]>([
    ['a bundle of JavaScript', () => readFileSync(bundle.replace(/index\.js$/, 'chunks/node.js'))],
    ['bytes without a pattern', () => randomBytes(1_000_000)],
    [
      'pictures in base64',
      () => `<img src="data:image/png;base64,${randomBytes(750_000).toString('base64')}">`,
    ],
    [
      'a mail with an attachment',
      () => randomBytes(500_000).toString('base64').replace(/.{76}/g, '$&\r\n'),
    ],
    ['a list of objects of Kubernetes', () => JSON.stringify(Array.from({ length: 2_000 }, aPod))],
    [
      'the same, within JSON',
      () => JSON.stringify(JSON.stringify(Array.from({ length: 500 }, aPod))),
    ],
    [
      'digests',
      () =>
        Array.from({ length: 10_000 }, () => `sha512-${randomBytes(64).toString('base64')}`).join(
          '\n',
        ),
    ],
    ['digits', () => randomBytes(500_000).toString('hex')],
    ['bytes of JSON', () => JSON.stringify(randomBytes(200_000))],
    [
      'tokens of the same issuer',
      () => Array.from({ length: 100 }, () => signedToken()).join('\n'),
    ],
    ['nothing but zeros', () => Buffer.alloc(1_000_000)],
    ['one letter', () => 'a'.repeat(1_000_000)],
    ['one introducer of escapes', () => '%&<=\\'.repeat(200_000)],
    ['escapes that never end', () => `&#${'0'.repeat(500_000)}\\u{${'0'.repeat(500_000)}`],
  ])('passes unchanged: %s', (_, make) => {
    const bytes = Buffer.from(make());
    const { passed, found } = scan(many, bytes, 16_000);
    expect(found).toBe(false);
    expect(passed.equals(bytes)).toBe(true);
  });

  it('passes unchanged, however it is split and whatever pieces of tokens it has', () => {
    const token = tokens['RS256'] ?? '';
    const secrets = live(token);
    const signature = signatureOf(token);
    const pieces = fc.array(
      fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.nat(token.length - signature.length).map((length) => token.slice(0, length)),
        fc.nat(14).map((length) => signature.slice(0, length)),
        fc.constantFrom('%', '&#', '\\u', '=', '<', '&amp;', '%25'),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 50 }), (parts, chunk) => {
        // A dot is in no signature and in no escape, so no two pieces make a longer one.
        const bytes = Buffer.from(parts.join(' (§§§§) zzzzzzzzzzzzzzzz '));
        const { passed, found } = scan(secrets, bytes, chunk);
        expect([found, passed.equals(bytes)]).toEqual([false, true]);
      }),
    );
  });
});

function aPod(): object {
  return {
    metadata: { name: `agent-${randomUUID()}`, uid: randomUUID(), resourceVersion: '123456' },
    spec: {
      containers: [
        { name: 'agent', image: `r.example.com/a@sha256:${randomBytes(32).toString('hex')}` },
      ],
    },
  };
}
