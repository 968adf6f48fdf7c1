/** What goes upstream: built from what was compared. */

import { ProblemError } from '../core/api/problem.ts';
import type { HeaderPair } from '../core/text/header-pair.ts';
import type { Authorization } from './authorize.ts';
import type { DescribedCall } from './describe/body.ts';
import type { ActionDescription } from './describe/call-types.ts';
import type { UpstreamRequest } from './forward/upstream.ts';
import type { CallBody } from './intercept/read-body.ts';

/** Where the canonical bytes were compared, they are sent, with the content type that goes with them. */
export function upstreamRequest(
  { upstream }: Pick<ActionDescription, 'upstream'>,
  described: Pick<DescribedCall, 'canonicalBody' | 'canonicalForm'>,
  body: CallBody,
  { bodyForm, credential }: Pick<Authorization, 'bodyForm' | 'credential'>,
): UpstreamRequest {
  const { canonicalForm } = described;
  return {
    ...upstream,
    ...(bodyForm === 'JSON' && canonicalForm !== undefined
      ? { headers: withContentType(upstream.headers, canonicalForm.contentType) }
      : {}),
    body: bodyToSend(described, body, bodyForm),
    ...(credential === undefined ? {} : { credential }),
  };
}

function withContentType(headers: readonly HeaderPair[], type: string): readonly HeaderPair[] {
  return headers.map(([name, value]) => [name, name === 'content-type' ? type : value]);
}

function bodyToSend(
  { canonicalBody, canonicalForm }: Pick<DescribedCall, 'canonicalBody' | 'canonicalForm'>,
  body: CallBody,
  form: Authorization['bodyForm'],
): UpstreamRequest['body'] {
  if (form === 'JSON') {
    const canonical = canonicalBody ?? canonicalForm?.bytes;
    if (canonical === undefined) {
      throw new ProblemError('Internal', 'A grant matched canonical bytes that the body has not.');
    }
    return canonical;
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
