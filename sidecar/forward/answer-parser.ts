/** Legal answers of HTTP/1 that undici's parser drops, and with them the connection: for no call is there a second try. */

import type { Socket } from 'node:net';
import symbols from 'undici/lib/core/symbols.js';

/**
 * @param socket that undici has taken. If it has no parser of HTTP/1, nothing is done
 */
export function takeEveryLegalAnswer(socket: Socket): void {
  const parser = (socket as Parsed)[symbols.kParser];
  if (parser === undefined) return;
  const onHeadersComplete = parser.onHeadersComplete.bind(parser);
  // RFC 9110 15.2: any number of informational answers, expected or not. It passes by all but 100.
  parser.onHeadersComplete = (status, ...rest) =>
    onHeadersComplete(status === CONTINUE ? PROCESSING : status, ...rest);
  const onHeaderValue = parser.onHeaderValue.bind(parser);
  // RFC 9110 5.5: white space around a value is no part of it. Undici would take what is behind a length for digits.
  parser.onHeaderValue = (bytes) =>
    onHeaderValue(isLength(parser.headers) ? bytes.subarray(0, digitsIn(bytes)) : bytes);
}

const CONTINUE = 100;
const PROCESSING = 102;

interface Parser {
  /** Names and values alternating; the last may be a name. */
  readonly headers: readonly Buffer[];
  onHeadersComplete(status: number, ...rest: boolean[]): number;
  /** @param bytes of a value, or of a part of it */
  onHeaderValue(bytes: Buffer): number;
}

type Parsed = Socket & { [symbols.kParser]?: Parser };

function isLength(headers: readonly Buffer[]): boolean {
  const name = headers[headers.length - (headers.length % 2 === 1 ? 1 : 2)];
  return name?.length === 14 && name.toString('latin1').toLowerCase() === 'content-length';
}

function digitsIn(value: Buffer): number {
  let end = value.length;
  while (end > 0 && (value[end - 1] === 0x20 || value[end - 1] === 0x09)) end -= 1;
  return end;
}
