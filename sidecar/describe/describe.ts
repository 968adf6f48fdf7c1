/**
 * From the bytes of a call to its Action, or to a refusal. Pure: what is described depends on the call alone. Whatever
 * could be read in two ways is refused, so that what people approve, what is compared and what is sent are one thing.
 */

import { bodyExpectation } from './framing.ts';
import { checkGrantable } from './grantable.ts';
import type { DescribeContext, HeadDescription } from './head-description.ts';
import { readHeaders } from './headers.ts';
import { describeHttp } from './http-action.ts';
import { describeKubernetes } from './kubernetes-action.ts';
import { checkMethod } from './method.ts';
import type { RequestHead } from './request-head.ts';
import { readTarget } from './target.ts';

/** Describes a call as far as its head goes. @throws ProblemError */
export function describeHead(head: RequestHead, context: DescribeContext): HeadDescription {
  checkMethod(head.method);
  const headers = readHeaders(head, context.inertHeaders);
  const target = readTarget(head, headers.host, context);
  const body = bodyExpectation(head, headers);
  const description = target.kubernetes
    ? describeKubernetes(head.method, target, headers, body)
    : describeHttp(head.method, target, headers, body);
  if (description.kind !== 'discovery') checkGrantable(description);
  return description;
}
