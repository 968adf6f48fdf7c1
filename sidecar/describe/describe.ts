/**
 * From the bytes of a call to its Action, or to a refusal. Pure: what is described depends on the call alone. Whatever
 * could be read in two ways is refused, so that what people approve, what is compared and what is sent are one thing.
 */

import { type ActionDescription, callTypeFor } from './call-types.ts';
import type { DescribeContext } from './context.ts';
import type { DiscoveryDescription } from './description.ts';
import { bodyExpectation } from './framing.ts';
import { readHeaders } from './headers.ts';
import { checkMethod } from './method.ts';
import type { ReadHead } from './read-head.ts';
import { readTarget } from './target.ts';

export type HeadDescription = ActionDescription | DiscoveryDescription;

/** Describes a call as far as its head goes. @throws ProblemError */
export function describeHead(read: ReadHead, context: DescribeContext): HeadDescription {
  const { head } = read;
  checkMethod(head.method);
  const headers = readHeaders(head, context.inertHeaders);
  const target = readTarget(read, headers.host, context.kubernetes.authorities);
  const body = bodyExpectation(head, headers);
  return callTypeFor(target, headers).describe(head.method, target, headers, body);
}
