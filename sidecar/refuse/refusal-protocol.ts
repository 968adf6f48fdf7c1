/** How refusals are said in one protocol, and to whom. */

import type { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { Caller } from './caller.ts';

/** What is said of a refused call. */
export interface RefusedCall {
  readonly problem: ProblemError;
  /** What was refused, in one line: never a query, a header or a body. Absent where nothing of it could be read. */
  readonly attempted?: string;
  /** The command that shows the log of this sidecar, where it knows its pod. */
  readonly logCommand?: string;
}

export interface RefusalMessage {
  readonly contentType: string;
  /** The text of the body; the empty string for none. */
  readonly text: string;
  /** Where the protocol has one of its own for every answer. */
  readonly status?: number;
  readonly headers?: readonly HeaderPair[];
}

export interface RefusalProtocol {
  /** Whether a caller speaks it. Only for the form of a refusal: callers may claim what they like. */
  spokenBy(caller: Caller): boolean;
  /** Whether the message has the manifest of the grant that is missing. */
  readonly hasManifest: boolean;
  render(refused: RefusedCall, caller: Caller): RefusalMessage;
}
