/** Query parameters of Kubernetes requests: read as Go's url.ParseQuery reads them, where that has one meaning. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

const NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

/**
 * @param query with its `?`, or empty; already checked by parsePathAndQuery
 * @throws ProblemError RequestAmbiguous for a parameter given twice (the server takes the first), TargetRefused for others
 */
export function parseKubernetesQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (query === '' || query === '?') return parameters;
  for (const part of query.slice(1).split('&')) {
    // Go drops a pair with a semicolon without a word (CVE-2020-28473 and kin are about those who don't).
    if (part.includes(';')) throw refuse('TargetRefused', part, 'has a semicolon; write it as %3B');
    const equals = part.indexOf('=');
    const name = decode(equals === -1 ? part : part.slice(0, equals), part);
    const value = equals === -1 ? '' : decode(part.slice(equals + 1), part);
    if (!NAME.test(name)) throw refuse('TargetRefused', name, 'is not the name of a parameter');
    if (/\p{Cc}/u.test(value)) throw refuse('TargetRefused', name, 'has a control character');
    if (parameters.has(name)) throw refuse('RequestAmbiguous', name, 'appears more than once');
    parameters.set(name, value);
  }
  return parameters;
}

/** The query with its `?`, or empty. */
export function formatKubernetesQuery(parameters: Iterable<readonly [string, string]>): string {
  let query = '';
  for (const [name, value] of parameters) {
    query += `${query === '' ? '?' : '&'}${name}=${encodeURIComponent(value)}`;
  }
  return query;
}

/** application/x-www-form-urlencoded, UTF-8: `+` is a space. */
function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refuse('TargetRefused', part, 'is not UTF-8');
  }
}

function refuse(
  code: 'TargetRefused' | 'RequestAmbiguous',
  name: string,
  reason: string,
): ProblemError {
  return new ProblemError(code, `Query parameter ${printable(name, 64)} ${reason}.`, {
    field: printable(name, 64),
  });
}
