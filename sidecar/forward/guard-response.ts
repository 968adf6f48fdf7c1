/** Decides which part of an upstream's answer may reach the agent. */

import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { LiveSecrets } from '../scan/live-secrets.ts';
import { isClean } from '../scan/secret-scanner.ts';
import { mayReachAgent } from './answer-headers.ts';
import { ForwardError } from './error.ts';

/** RFC 9110 7.6.1, and those that offer the client another way to the upstream, past us (RFC 7838). */
const NEVER_PASSED: ReadonlySet<string> = new Set([
  'alt-svc',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** RFC 9110 5.5, with obs-text: what our side can write again. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

export interface GuardOptions {
  /** Whether the request carried one. */
  credentialed: boolean;
  /** None of them may be in it, whichever call they are of. */
  secrets: LiveSecrets;
}

/** @throws ForwardError (dispatched) if the head cannot be passed on */
export function guardResponseHead(
  status: number,
  headers: readonly HeaderPair[],
  { credentialed, secrets }: GuardOptions,
): HeaderPair[] {
  if (status < 200 || status > 599) throw refused(`The host answered with status ${status}.`);
  const passed: HeaderPair[] = [];
  for (const header of headers) {
    const [name, value] = header;
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw refused('The host sent a header that is not allowed in HTTP.');
    }
    if (name === 'transfer-encoding' && value.trim().toLowerCase() !== 'chunked') {
      throw refused('The host used a transfer coding other than chunked.');
    }
    const kept = !NEVER_PASSED.has(name) && (!credentialed || mayReachAgent(name, value));
    // RFC 9110 8.6: a 204 has no Content-Length, and some clients wait for the bytes it promises.
    if (kept && !(status === 204 && name === 'content-length')) passed.push(header);
  }
  if (repeatSecret(headers, secrets)) throw credentialEchoed();
  return withoutNamed(passed, headers);
}

/**
 * Whether headers or trailers have a secret in them: in a value or a name, or in several values that follow each other. What is
 * not passed on is looked at as well: it says what this upstream is.
 */
export function repeatSecret(headers: readonly HeaderPair[], secrets: LiveSecrets): boolean {
  return !(
    isClean(
      secrets,
      headers.map(([, value]) => value),
    ) &&
    isClean(
      secrets,
      headers.map(([name, value]) => `${name}:${value}\n`),
    )
  );
}

/** RFC 9110 7.6.1: what the Connection header names belongs to the connection, too. */
function withoutNamed(passed: HeaderPair[], all: readonly HeaderPair[]): HeaderPair[] {
  const connection = all.filter(([name]) => name === 'connection');
  if (connection.every(([, value]) => /^(?:close|keep-alive)$/i.test(value))) return passed;
  const options = connection.flatMap(([, value]) => value.toLowerCase().split(','));
  const named = new Set(options.map((option) => option.trim()));
  return passed.filter(([name]) => !named.has(name));
}

export function credentialEchoed(): ForwardError {
  return new ForwardError(
    'CredentialEchoed',
    true,
    "The host's response repeats a credential that is in use; it was cut off there.",
  );
}

function refused(detail: string): ForwardError {
  return new ForwardError('UpstreamProtocolError', true, detail);
}
