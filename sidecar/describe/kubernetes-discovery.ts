/** Reads of what the API server offers: no object is in them, and the controller answers them. */

import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { DiscoveryDescription } from './description.ts';
import type { RequestHeaders } from './headers.ts';
import { checkHeaders } from './kubernetes-forbidden.ts';
import { formatKubernetesQuery, parseKubernetesQuery } from './kubernetes-query.ts';
import { methodRefused, neverGranted } from './kubernetes-refusal.ts';
import { knownHeaders } from './kubernetes-upstream.ts';
import type { Target } from './target.ts';

/** @throws ProblemError for what no discovery client sends */
export function describeDiscovery(
  method: string,
  target: Target,
  headers: RequestHeaders,
): DiscoveryDescription {
  checkHeaders(withoutConditions(headers.significant));
  return {
    kind: 'discovery',
    upstream: {
      scheme: target.scheme,
      host: target.host,
      port: target.port,
      method,
      path: target.path + discoveryQuery(method, target.query),
      headers: knownHeaders(headers.inert),
    },
  };
}

/** What client-go's discovery client sends; `hash` is of an OpenAPI document. */
function discoveryQuery(method: string, query: string): string {
  if (method !== 'GET' && method !== 'HEAD') throw methodRefused(method);
  const parameters = parseKubernetesQuery(query);
  for (const name of parameters.keys()) {
    if (name !== 'timeout' && name !== 'hash') {
      throw neverGranted(name, 'discovery has no such query parameter');
    }
  }
  return formatKubernetesQuery(parameters);
}

/**
 * client-go revalidates the discovery documents that it has cached. Discovery is never forwarded, and its answer is always
 * whole, which RFC 9110 13.2.1 leaves to the server.
 */
function withoutConditions(significant: readonly HeaderPair[]): readonly HeaderPair[] {
  return significant.filter(([name]) => name !== 'if-none-match' && name !== 'if-modified-since');
}
