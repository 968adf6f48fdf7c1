import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

/**
 * Methods that can be an action: RFC 9110, RFC 5789 (PATCH), RFC 10008 (QUERY) and WebDAV (RFC 4918, 3253, 5323). Not
 * CONNECT, which opens a tunnel, nor TRACE, which returns the credential to the agent. A closed list, in capitals: servers
 * differ in how they read `get` or `FOO`.
 */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'COPY',
  'LOCK',
  'MKCOL',
  'MOVE',
  'PROPFIND',
  'PROPPATCH',
  'REPORT',
  'SEARCH',
  'UNLOCK',
]);

/** @throws ProblemError MethodRefused */
export function checkMethod(method: string): void {
  if (METHODS.has(method)) return;
  const hint = METHODS.has(method.toUpperCase())
    ? ` Methods are case-sensitive: write ${method.toUpperCase()}.`
    : '';
  throw new ProblemError(
    'MethodRefused',
    `The method "${printable(method, 32)}" can never be granted.${hint}`,
    { field: 'method' },
  );
}
