/** What is asked of an upstream, and what it answers. */

import type { Readable } from 'node:stream';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { LentCredential } from '../credential/lent-credential.ts';

export interface UpstreamRequest {
  scheme: 'http' | 'https';
  /** Lower-case name, IPv4 or bracketed IPv6 address. */
  host: string;
  port: number;
  method: string;
  /** Path and query, sent byte for byte. */
  path: string;
  /** Without Host and framing headers, except content-length of a streamed body if it is known. */
  headers: readonly HeaderPair[];
  body: Uint8Array | Readable | null;
  /** With one, the request has a connection of its own, and its answer is scanned for the credential's secrets. */
  credential?: LentCredential;
}

export interface UpstreamResponse {
  status: number;
  /** End-to-end headers in their order, lower-case names; without session state if a credential was sent. */
  headers: HeaderPair[];
  /** Must be read or destroyed. Errors with ForwardError when it is cut (deadline, secret found, connection lost). */
  body: Readable;
}
