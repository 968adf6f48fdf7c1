/** The protocols in which a call can be refused, and which of them a caller speaks. */

import type { ReadHead } from '../describe/read-head.ts';
import type { RequestHead } from '../describe/request-head.ts';
import { git } from './git.ts';
import { kubernetesStatus } from './kubernetes-status.ts';
import { npm } from './npm.ts';
import { problemJson } from './problem-json.ts';
import type { Clients, RefusalProtocol } from './refusal-protocol.ts';

/** The first that a caller speaks is used, so the one that everybody speaks comes last. */
export const REFUSAL_PROTOCOLS = {
  kubernetes: kubernetesStatus,
  git,
  npm,
  http: problemJson,
} satisfies Readonly<Record<string, RefusalProtocol>>;

export type RefusalProtocolName = keyof typeof REFUSAL_PROTOCOLS;

const NAMES = Object.keys(REFUSAL_PROTOCOLS) as RefusalProtocolName[];

/**
 * Only for the form of a refusal: told by where the call meant to go, or by the name that its client gives itself.
 * @param apiServer `host:port`, lower case, under which the API server is reached
 */
export function protocolOf(read: ReadHead, apiServer: readonly string[]): RefusalProtocolName {
  return NAMES.find((name) => speaks(REFUSAL_PROTOCOLS[name].spokenBy, read, apiServer)) ?? 'http';
}

function speaks(clients: Clients, read: ReadHead, apiServer: readonly string[]): boolean {
  if (clients === 'everybody') return true;
  if (clients === 'callersOfTheAPIServer') return isForAPIServer(read, apiServer);
  return productOf(read.head) === clients.product;
}

/** The first product of the User-Agent. */
function productOf({ rawHeaders }: RequestHead): string | undefined {
  const at = rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === 'user-agent',
  );
  return at < 0 ? undefined : rawHeaders[at + 1]?.split('/')[0];
}

function isForAPIServer({ head, hosts }: ReadHead, apiServer: readonly string[]): boolean {
  const { destination, connectAuthority } = head;
  if (destination === undefined || hosts === undefined) {
    const called = connectAuthority?.toLowerCase().replace(/\.(?=:)/, '');
    return called !== undefined && apiServer.includes(called);
  }
  return hosts.some((host) => apiServer.includes(`${host}:${destination.port}`));
}
