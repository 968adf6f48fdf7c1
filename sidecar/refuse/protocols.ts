/** The protocols in which a call can be refused, and which of them a caller speaks. */

import { destinationAuthorities } from '../describe/destination.ts';
import type { DescribeContext } from '../describe/head-description.ts';
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

/** What of the context tells a call to the API server. */
type Context = Pick<DescribeContext, 'kubernetes' | 'searchDomains'>;

/** Only for the form of a refusal: told by where the call meant to go, or by the name that its client gives itself. */
export function protocolOf(head: RequestHead, context: Context): RefusalProtocolName {
  return NAMES.find((name) => speaks(REFUSAL_PROTOCOLS[name].spokenBy, head, context)) ?? 'http';
}

function speaks(clients: Clients, head: RequestHead, context: Context): boolean {
  if (clients === 'everybody') return true;
  if (clients === 'callersOfTheAPIServer') return isForAPIServer(head, context);
  return productOf(head) === clients.product;
}

/** The first product of the User-Agent. */
function productOf({ rawHeaders }: RequestHead): string | undefined {
  const at = rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === 'user-agent',
  );
  return at < 0 ? undefined : rawHeaders[at + 1]?.split('/')[0];
}

function isForAPIServer(
  { destination, connectAuthority }: RequestHead,
  { kubernetes, searchDomains }: Context,
): boolean {
  const going =
    destination === undefined
      ? [connectAuthority?.toLowerCase()]
      : destinationAuthorities(destination, searchDomains);
  return going.some((a) => a !== undefined && kubernetes.authorities.includes(a));
}
