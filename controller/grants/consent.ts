/** The consent of an agent's namespace to grants that come from another one. */

import { ACCEPTS_GRANTS_ANNOTATION } from '../../core/api/names.ts';

/** The other namespaces whose grants a namespace with these annotations accepts. There is no wildcard. */
export function acceptedNamespaces(
  annotations: Readonly<Record<string, string>> | undefined,
): string[] {
  return (annotations?.[ACCEPTS_GRANTS_ANNOTATION] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/**
 * Whether a namespace with these annotations lets its agents use grants of `grantNamespace`. Its own need no consent.
 * There is no wildcard: whoever consents has seen each name.
 */
export function acceptsGrantsFrom(
  agentNamespace: string,
  annotations: Readonly<Record<string, string>> | undefined,
  grantNamespace: string,
): boolean {
  return (
    agentNamespace === grantNamespace || acceptedNamespaces(annotations).includes(grantNamespace)
  );
}
