/**
 * Secrets in the head of an action: keys in headers, in the query, in the path. Every one is replaced by its digest, so that it
 * takes part in the comparison and is in no manifest, message, log or grant.
 */

import { isCredentialHeader, isSecretParameter } from '../text/secret-names.ts';
import {
  decoded,
  holdsToken,
  isSecretDigest,
  secretDigest,
  withoutTokens,
} from '../text/secret-text.ts';

/**
 * Who wrote the text. In a `call`, as its client sent it, a text with the form of a digest is a text like any other, and hashed
 * again: what is sent is never what a grant has for its secret. In a `grant` a digest stands for the secret.
 */
export type Written = 'call' | 'grant';

export function headersWithDigests(
  headers: Readonly<Record<string, string>>,
  written: Written,
): Record<string, string> {
  return mapped(headers, (name, value) =>
    isCredentialHeader(name) || holdsToken(value) ? digestOf(value, written) : value,
  );
}

/**
 * Query parameters of the API server, decoded. None of them is a credential by its name, but one may hold a token all the same:
 * the command of an exec.
 */
export function parametersWithDigests(
  parameters: Readonly<Record<string, string>>,
  written: Written,
): Record<string, string> {
  return mapped(parameters, (_, value) => (holdsToken(value) ? digestOf(value, written) : value));
}

/** @param url as `formatUrl` writes it. A digest in it is of the text as it stands there, percent-encoded or not. */
export function urlWithDigests(url: string, written: Written): string {
  const [, origin = '', path = '', query = ''] = /^([^/]*\/\/[^/?]*)([^?]*)(.*)$/s.exec(url) ?? [];
  return origin + pathWithDigests(path, written) + queryWithDigests(query, written);
}

function pathWithDigests(path: string, written: Written): string {
  // Some segments are secret by what stands before them.
  const inContext = withoutTokens(path).split('/');
  const segments = path.split('/');
  return segments
    .map((segment, index) =>
      holdsToken(decoded(segment)) ||
      (inContext.length === segments.length && inContext[index] !== segment)
        ? digestOf(segment, written)
        : segment,
    )
    .join('/');
}

/** @param query empty, or with its question mark: a further one is a character like any other */
function queryWithDigests(query: string, written: Written): string {
  const pairs = query.slice(1).split('&');
  return query.slice(0, 1) + pairs.map((pair) => pairWithDigest(pair, written)).join('&');
}

function pairWithDigest(pair: string, written: Written): string {
  const at = pair.indexOf('=');
  if (at === -1) return pair;
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
  return isSecretParameter(decoded(name), decoded(value)) || holdsToken(decoded(value))
    ? `${name}=${digestOf(value, written)}`
    : pair;
}

function digestOf(value: string, written: Written): string {
  if (value === '' || (written === 'grant' && isSecretDigest(value))) return value;
  return secretDigest(value);
}

function mapped(
  map: Readonly<Record<string, string>>,
  change: (name: string, value: string) => string,
): Record<string, string> {
  // Not by assignment: `__proto__` is a valid field name (RFC 9110 5.1).
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [name, change(name, value)]),
  );
}
