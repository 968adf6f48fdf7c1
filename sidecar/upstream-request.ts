/** What goes upstream: built from what was compared. */

import { ProblemError } from '../core/api/problem.ts';
import type { Authorization } from './authorize.ts';
import type { DescribedCall } from './describe/body.ts';
import type { ActionDescription } from './describe/call-types.ts';
import type { UpstreamRequest } from './forward/upstream.ts';
import type { CallBody } from './intercept/read-body.ts';

/** For a JSON grant the body is the canonical one. */
export function upstreamRequest(
  { upstream }: Pick<ActionDescription, 'upstream'>,
  described: Pick<DescribedCall, 'canonicalBody'>,
  body: CallBody,
  { bodyForm, credential }: Pick<Authorization, 'bodyForm' | 'credential'>,
): UpstreamRequest {
  return {
    ...upstream,
    body: bodyToSend(described, body, bodyForm),
    ...(credential === undefined ? {} : { credential }),
  };
}

function bodyToSend(
  { canonicalBody }: Pick<DescribedCall, 'canonicalBody'>,
  body: CallBody,
  form: Authorization['bodyForm'],
): UpstreamRequest['body'] {
  if (form === 'JSON') {
    if (canonicalBody === undefined) {
      throw new ProblemError('Internal', 'A JSON grant matched a body that has no JSON reading.');
    }
    return canonicalBody;
  }
  switch (body.kind) {
    case 'none':
      return null;
    case 'whole':
      return body.bytes;
    case 'tooLarge':
      return body.stream;
  }
}
