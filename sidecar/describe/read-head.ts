/** The first look at a call's head, which every call gets, and every refusal of one. Nothing is judged here. */

import { type DestinationHosts, destinationHosts } from './destination.ts';
import type { RequestHead } from './request-head.ts';

export interface ReadHead {
  readonly head: RequestHead;
  /** What the destination of a redirected connection may be called; absent for a call to the explicit proxy. */
  readonly hosts: DestinationHosts | undefined;
}

/** Never throws. @param searchDomains see DescribeContext */
export function readHead(head: RequestHead, searchDomains: readonly string[]): ReadHead {
  const { destination } = head;
  return {
    head,
    hosts: destination === undefined ? undefined : destinationHosts(destination, searchDomains),
  };
}
