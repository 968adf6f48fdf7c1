/** What a call tried, in one line for an Event: the agent's words, made fit to be shown. */

import { printable } from '../../core/text/url.ts';
import { MAX_ATTEMPTED_CHARACTERS } from '../../core/wire/refusals.ts';
import { hostAndPort } from './destination.ts';
import type { ReadHead } from './read-head.ts';

/** Less the dots that `printable` adds. */
const CHARACTERS = MAX_ATTEMPTED_CHARACTERS - 3;

/** Method, host and path. Never a query, user information, a header or a body: secrets are found in all of them. */
export function attemptedCall(read: ReadHead): string {
  return attempted(`${read.head.method} ${place(read)}`);
}

/** Any text as `ReportedRefusal.attempted` allows it. */
export function attempted(text: string): string {
  return printable(text, CHARACTERS).trim() || '(nothing)';
}

function place({ head, hosts }: ReadHead): string {
  const target = head.target.replace(/[?#].*$/s, '');
  if (head.destination !== undefined && hosts !== undefined) {
    return `${head.scheme}://${hostAndPort(hosts[0], head.destination.port)}${pathOf(target)}`;
  }
  if (head.connectAuthority !== undefined) {
    return `${head.scheme}://${withoutUser(head.connectAuthority)}${pathOf(target)}`;
  }
  const [, scheme, authority, path] = /^([a-z]+:\/\/)([^/]*)(.*)$/is.exec(target) ?? [];
  return scheme === undefined ? pathOf(target) : `${scheme}${withoutUser(authority ?? '')}${path}`;
}

/** A target that is no path, where one belongs, could be an URL with a password. */
function pathOf(target: string): string {
  return target.startsWith('/') ? target : '';
}

function withoutUser(authority: string): string {
  return authority.slice(authority.lastIndexOf('@') + 1);
}
