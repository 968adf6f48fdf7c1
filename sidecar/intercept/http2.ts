/** HTTP/2 on a client's TLS connection. */

import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ClientConnection } from './connection.ts';
import { headSize } from './head-budget.ts';
import type { HTTPOptions } from './http-options.ts';
import { serveStream } from './http2-call.ts';

/**
 * After so many, a connection takes no more streams (RFC 9113 6.8): a head that is turned away is memory all the same until it is
 * collected, and that of its text, outside the heap, hurries no collection.
 */
const HEADS_TURNED_AWAY = 8;

/** More than an answer's head can take; nghttp2 gives up a stream at 64 KiB, by a bound that it does not reach. */
const ANSWER_HEAD_BYTES = 2 ** 20;

/** Serves every stream of one connection, each as a call of its own: `:authority` is judged per stream. */
export function serveHTTP2(
  tls: TLSSocket,
  connection: ClientConnection,
  options: HTTPOptions,
): void {
  const { limits, heads, calls, onEvent } = options;
  const session = performServerHandshake(tls, {
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headBytes,
      // RFC 8441 extended CONNECT would open a tunnel that nothing describes.
      enableConnectProtocol: false,
      enablePush: false,
    },
    maxHeaderListPairs: limits.headerCount,
    // Of answers: a header that stands twice where it should once is the service's to mend, and no reason to lose the answer.
    strictSingleValueFields: false,
    maxSendHeaderBlockLength: ANSWER_HEAD_BYTES,
    maxSessionMemory: 4,
  });
  // RFC 9113 6.8: GOAWAY, and the streams that are open may end.
  connection.finish = () => session.close();
  session.on('error', () => connection.raw.destroy());
  session.on('close', () => connection.raw.destroySoon());
  let turnedAway = 0;
  session.on('stream', (stream, headers, flags, rawHeaders) => {
    stream.on('error', () => {});
    // RFC 9113 8.7: nothing was done, and the client may send it again. In words it would be one more answer to wait for: a
    // client need not take any (RFC 9113 6.9.2).
    if (calls.full) return turnAway(stream, constants.NGHTTP2_REFUSED_STREAM);
    const size = headSize(rawHeaders);
    if (!heads.take(size)) {
      onEvent({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
      turnedAway += 1;
      if (turnedAway === HEADS_TURNED_AWAY) session.close();
      return turnAway(stream, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    const endsWithHead = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    void serveStream(options, connection, stream, headers, rawHeaders, endsWithHead).finally(() =>
      heads.giveBack(size),
    );
  });
}

function turnAway(stream: ServerHttp2Stream, code: number): void {
  stream.close(code);
  stream.destroy();
}
