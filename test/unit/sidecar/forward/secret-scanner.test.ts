import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../core/text/secret.ts';
import { serviceAccountToken } from '../../../../sidecar/credential/service-account-token.ts';
import { SecretPatterns, SecretScanner } from '../../../../sidecar/forward/secret-scanner.ts';
import { TOKEN } from './upstreams.ts';

const patterns = new SecretPatterns(serviceAccountToken.secretTexts(new Secret(TOKEN)));
const signature = TOKEN.split('.')[2] ?? '';
const third = Math.floor(signature.length / 3);

/** Pushes the text in chunks that end at the given places. */
function scan(text: string, cuts: readonly number[]): { passed: string; found: boolean } {
  const scanner = new SecretScanner(patterns);
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let passed = '';
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    const safe = scanner.push(bytes.subarray(start, end));
    if (safe === null) return { passed, found: true };
    passed += safe.toString('latin1');
    start = end;
  }
  return { passed: passed + scanner.end().toString('latin1'), found: false };
}

/** Text that comes close: made of pieces of the token itself. */
const nearMisses = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.nat(TOKEN.length - signature.length + third - 1).map((length) => TOKEN.slice(0, length)),
      fc.nat(third - 1).map((length) => signature.slice(0, length)),
      fc.constant(TOKEN.slice(1, 40)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join('\n').replace(/[^\x00-\xff]/g, '?'))
  .filter((text) => !patterns.occurIn(text));

const cuts = fc.array(fc.nat(4_000), { maxLength: 20 });

describe('a token in a stream', () => {
  it('is found wherever the stream is split in two, and no byte of it passes', () => {
    const text = `before ${TOKEN} after`;
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { passed, found } = scan(text, [cut]);
      expect(found).toBe(true);
      expect('before '.startsWith(passed)).toBe(true);
    }
  });

  it('is found byte by byte', () => {
    const every = Array.from({ length: TOKEN.length + 20 }, (_, i) => i);
    expect(scan(`before ${TOKEN}`, every)).toEqual({ passed: 'before ', found: true });
  });

  it('is found after anything that comes close, however it is split', () => {
    fc.assert(
      fc.property(nearMisses, cuts, (before, at) => {
        const { passed, found } = scan(`${before}\n${TOKEN}`, at);
        expect(found).toBe(true);
        expect(`${before}\n`.startsWith(passed)).toBe(true);
      }),
    );
  });

  it('is found by its signature alone', () => {
    expect(scan(`x${signature}`, [20]).found).toBe(true);
  });

  it('is found in part, wherever whoever repeats it begins or stops: less than a third of the signature passes', () => {
    const start = TOKEN.length - signature.length;
    for (let length = start + third; length < TOKEN.length; length += 1) {
      const { passed, found } = scan(`before ${TOKEN.slice(0, length)}`, [length]);
      expect(found).toBe(true);
      expect(passed.length).toBeLessThan('before '.length + start + third);
    }
    for (let from = 0; from + third <= signature.length; from += third) {
      expect(scan(signature.slice(from), [5]).found).toBe(true);
    }
    // By chance less of it may stand somewhere.
    expect(scan(signature.slice(0, third - 1), []).found).toBe(false);
  });

  it('is found in UTF-16, of either byte order, whole and cut off', () => {
    for (const text of [TOKEN, TOKEN.slice(0, -third)]) {
      const little = Buffer.from(`before ${text} after`, 'utf16le');
      const big = Buffer.from(little).swap16();
      for (const bytes of [little, big]) {
        expect(scan(bytes.toString('latin1'), [50, 51]).found).toBe(true);
      }
    }
  });

  it('is found within base64 and base64url, at every alignment', () => {
    for (const encoding of ['base64', 'base64url'] as const) {
      for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
        const encoded = Buffer.from(`${before}${TOKEN}after`).toString(encoding);
        expect(scan(`{"auth":"${encoded}"}`, [50]).found).toBe(true);
      }
    }
  });
});

describe('a stream without the token', () => {
  it('passes unchanged, however it is split', () => {
    fc.assert(
      fc.property(nearMisses, cuts, (text, at) => {
        expect(scan(text, at)).toEqual({ passed: text, found: false });
      }),
    );
  });

  it('passes at once: only a beginning of the token waits for what follows', () => {
    const scanner = new SecretScanner(patterns);
    const push = (text: string) => scanner.push(Buffer.from(text))?.toString();
    expect(push('data: {"n":1}\n\n')).toBe('data: {"n":1}\n\n');
    expect(push(`data: ${TOKEN.slice(0, 5)}`)).toBe('data: ');
    expect(push('\n\n')).toBe(`${TOKEN.slice(0, 5)}\n\n`);
  });
});

it('an opaque token, without parts, is found as well', () => {
  const scanner = new SecretScanner(
    new SecretPatterns(serviceAccountToken.secretTexts(new Secret('s3cret'))),
  );
  expect(scanner.push(Buffer.from('is s3cr'))?.toString()).toBe('is ');
  expect(scanner.push(Buffer.from('et'))).toBeNull();
});
