/** Answers in a content coding (RFC 9110 8.4): passed on as they are, once what they decode to was scanned. */

import { Transform, type TransformCallback } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { LiveSecrets } from '../scan/live-secrets.ts';
import { SecretScanner } from '../scan/secret-scanner.ts';
import type { Coding } from './body-coding.ts';
import { ForwardError } from './error.ts';
import { credentialEchoed, type GuardOptions } from './guard-response.ts';
import type { ResponseBody } from './response-body.ts';

/** Text does not shrink to less than one part in so many; what does was made to keep its reader busy. */
const MAX_EXPANSION = 256;
/** That much of every answer is decoded, however little there is of it. */
const FREE_BYTES = 1024 * 1024;

export class EncodedBody extends Transform {
  readonly #source: ResponseBody;
  readonly #coding: Coding;
  readonly #secrets: LiveSecrets;
  readonly #credentialed: boolean;
  readonly #scanner: SecretScanner;
  #decoder: Transform | undefined;
  #encodedBytes = 0;
  #decodedBytes = 0;
  #found = false;
  /** It is not in its coding, or was made to keep us busy. */
  #unreadable = false;

  constructor(source: ResponseBody, coding: Coding, { secrets, credentialed }: GuardOptions) {
    super();
    this.#source = source;
    this.#coding = coding;
    this.#secrets = secrets;
    this.#credentialed = credentialed;
    this.#scanner = new SecretScanner(secrets);
    // Whoever reads it hears of errors; one that comes before anybody does must not end the process.
    this.on('error', () => {});
    source.on('error', (error) => this.destroy(error));
    source.pipe(this);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#scan(chunk).then(
      () => done(null, chunk),
      (error: Error) => done(error),
    );
  }

  override _flush(done: TransformCallback): void {
    done(this.#scanner.end() === null ? credentialEchoed() : null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#decoder?.destroy();
    this.#source.destroy();
    callback(error);
  }

  /** @throws ForwardError if the chunk may not pass */
  async #scan(chunk: Buffer): Promise<void> {
    this.#encodedBytes += chunk.length;
    if (!this.#unreadable) {
      this.#decoder ??= this.#decoderFor(chunk[0] ?? 0);
      await this.#decode(this.#decoder, chunk);
    }
    if (this.#found) throw credentialEchoed();
    if (this.#unreadable && this.#secrets.size > 0) throw unreadable(this.#credentialed);
  }

  /** Resolves when everything that the chunk decodes to was scanned. */
  async #decode(decoder: Transform, chunk: Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      decoder.once('close', resolve);
      decoder.write(chunk, () => {
        decoder.off('close', resolve);
        resolve();
      });
    });
    while (decoder.readableLength > 0 && !decoder.destroyed) await setImmediate();
  }

  #decoderFor(first: number): Transform {
    const decoder =
      this.#coding === 'gzip'
        ? createGunzip()
        : // RFC 9110 8.4.1.2: some servers send it without its wrapper, whose first byte ends in 8 (RFC 1950 2.2).
          (first & 0x0f) === 8
          ? createInflate()
          : createInflateRaw();
    decoder.on('data', (decoded: Buffer) => {
      this.#decodedBytes += decoded.length;
      this.#found ||= this.#scanner.push(decoded) === null;
      const allowed = FREE_BYTES + MAX_EXPANSION * this.#encodedBytes;
      if (this.#found || this.#decodedBytes > allowed) this.#giveUp(decoder);
    });
    decoder.on('error', () => this.#giveUp(decoder));
    return decoder;
  }

  #giveUp(decoder: Transform): void {
    this.#unreadable = true;
    decoder.destroy();
  }
}

/**
 * An answer that cannot be scanned passes only while there is nothing to scan it for.
 * @param credentialed whether it is the answer to a call with a credential
 */
export function unreadable(credentialed: boolean): ForwardError {
  return new ForwardError(
    'UpstreamEncodedResponse',
    true,
    credentialed
      ? 'The host encoded its response although asked not to; whether it repeats the credential cannot be checked.'
      : 'The host encoded its response in a way in which it cannot be checked for the credentials that are in use in this pod. Try again when no other call is under way.',
  );
}
