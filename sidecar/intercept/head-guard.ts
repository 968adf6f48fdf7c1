/**
 * A look at a client's raw HTTP/1 bytes before Node's parser, for what the parser accepts and its result no longer shows.
 * One guard a connection.
 */

import type { ProblemError } from '../../api/problem.ts';

export interface HeadGuard {
  /** Every byte of the connection, in order. A refusal fails this and every later request on the connection. */
  inspect(chunk: Uint8Array): ProblemError | undefined;
}

export type HeadGuardFactory = () => HeadGuard;
