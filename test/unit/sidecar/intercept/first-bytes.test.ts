import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { type FirstBytes, sniff } from '../../../../sidecar/intercept/first-bytes.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What is found after each byte, for bytes that come one by one; the end comes last. */
async function found(bytes: Buffer): Promise<{ kind: FirstBytes; after: number; seen: Buffer }> {
  const stream = new PassThrough();
  const result: { kind: FirstBytes; seen: Buffer }[] = [];
  sniff(stream as unknown as Socket, (kind, seen) => result.push({ kind, seen }));
  let after = 0;
  for (const byte of bytes) {
    stream.write(Buffer.from([byte]));
    after += 1;
    await settled();
    if (result.length > 0) break;
  }
  if (result.length === 0) stream.end();
  await settled();
  expect(result).toHaveLength(1);
  const [{ kind, seen } = { kind: 'none' as const, seen: Buffer.alloc(0) }] = result;
  return { kind, after, seen };
}

it.each<[string, FirstBytes, number]>([
  ['\x16\x03\x01\x00', 'tls', 2],
  ['\x16\x02\x00', 'other', 2],
  ['GET / HTTP/1.1\r\n', 'http', 4],
  ['BASELINE-CONTROL /', 'http', 17],
  ['\r\nGET / HTTP/1.1', 'http', 1],
  ['\nGET /', 'http', 1],
  ['PRI * HTTP/2.0\r\n\r\n', 'http2', 16],
  ['PRI /a HTTP/1.1', 'http', 5],
  ['SSH-2.0-OpenSSH', 'other', 5],
  ['get / HTTP/1.1', 'other', 1],
  ['A'.repeat(40), 'other', 33],
  ['\x00\x00', 'other', 1],
  ['GET', 'other', 3],
  ['PRI * HTTP', 'other', 10],
  ['', 'none', 0],
])('%j is %s, known after %i bytes', async (bytes, kind, after) => {
  expect(await found(Buffer.from(bytes, 'latin1'))).toMatchObject({
    kind,
    after,
    seen: Buffer.from(bytes, 'latin1').subarray(0, after),
  });
});

it('leaves what it has seen for who reads next', async () => {
  const stream = new PassThrough();
  stream.write('GET / HTTP/1.1');
  await new Promise<void>((resolve) => sniff(stream as unknown as Socket, () => resolve()));
  expect(String(stream.read())).toBe('GET / HTTP/1.1');
});

it('says nothing of a connection that is closed meanwhile', async () => {
  const stream = new PassThrough();
  sniff(stream as unknown as Socket, () => expect.unreachable());
  stream.destroy();
  await settled();
});
