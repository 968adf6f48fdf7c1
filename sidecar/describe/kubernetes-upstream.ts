/** What is sent to the API server: rebuilt from the action, never copied from the wire. */

import { INERT_HEADERS } from '../../core/action/inert-headers.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { Attributes } from './kubernetes-attributes.ts';
import { formatKubernetesQuery } from './kubernetes-query.ts';
import { formatKubernetesPath } from './request-info.ts';

/** Without the parameter, the API server takes the name of the field's manager from the client's (managedfields, KEP-555). */
const NAMES_A_MANAGER: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'apply']);
const USER_AGENT: HeaderPair = ['user-agent', 'actiongrant'];

/** Judged with the body, and written anew. */
const OF_THE_BODY: ReadonlySet<string> = new Set(['content-encoding', 'content-type']);

/** The one request target that the API server reads as this action. */
export function upstreamTarget(action: Attributes): string {
  const byQuery = action.verb === 'list' || action.verb === 'watch';
  const path = formatKubernetesPath(byQuery ? { ...action, name: '' } : action);
  const parameters = Object.entries(action.queryParameters);
  if (action.verb === 'watch') parameters.push(['watch', 'true']);
  return path + formatKubernetesQuery(parameters);
}

/**
 * Who is on record as the manager of what is written is part of the action: the agent does not choose it beside the grant.
 * The content type is the one that was judged, without its parameters.
 */
export function upstreamHeaders(
  { verb, queryParameters }: Attributes,
  inert: readonly HeaderPair[],
  contentType: string | null,
): readonly HeaderPair[] {
  const headers = knownHeaders(inert);
  if (contentType !== null) headers.push(['content-type', contentType]);
  const named = (queryParameters['fieldManager'] ?? '') !== '';
  return NAMES_A_MANAGER.has(verb) && !named
    ? [...headers.filter(([name]) => name !== 'user-agent'), USER_AGENT]
    : headers;
}

/**
 * The inert headers of every service, but for those of the body. What the chart adds to them is about other services and is
 * left out, so that no chart value can make the API server see `x-remote-user` and the like.
 */
export function knownHeaders(inert: readonly HeaderPair[]): HeaderPair[] {
  return inert.filter(([name]) => !OF_THE_BODY.has(name) && INERT_HEADERS.has(name));
}
