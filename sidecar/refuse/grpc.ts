/**
 * gRPC clients read the status of a call from `grpc-status` and `grpc-message`. An answer that has them in its head, and ends with
 * it, is a whole one (Trailers-Only, gRPC over HTTP2). gRPC-Web has the same.
 */

import { oneLine } from './one-line.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

const CONTENT_TYPE = /^application\/grpc(?:-web)?(?:\+[a-z0-9.-]{1,32})?$/;

export const grpc: RefusalProtocol = {
  spokenBy: ({ contentType }) => CONTENT_TYPE.test(contentType),
  hasManifest: false,
  render: (refused, { contentType }) => ({
    contentType,
    status: 200,
    text: '',
    headers: [
      ['grpc-status', String(STATUS[refused.problem.status] ?? UNKNOWN)],
      // Printable ASCII already, of which only the percent sign is special.
      ['grpc-message', oneLine(refused).replaceAll('%', '%25')],
    ],
  }),
};

const UNKNOWN = 2;

/** google.rpc.Code by HTTP status. */
const STATUS: Readonly<Record<number, number>> = {
  // INVALID_ARGUMENT
  400: 3,
  // PERMISSION_DENIED
  403: 7,
  // UNIMPLEMENTED
  405: 12,
  501: 12,
  // ABORTED
  409: 10,
  // FAILED_PRECONDITION
  421: 9,
  // RESOURCE_EXHAUSTED
  413: 8,
  429: 8,
  431: 8,
  // CANCELLED
  499: 1,
  // INTERNAL
  500: 13,
  // UNAVAILABLE
  502: 14,
  503: 14,
  // DEADLINE_EXCEEDED
  504: 4,
};
