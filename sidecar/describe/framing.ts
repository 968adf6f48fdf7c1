/** How the body is delimited. Node's parser is lenient where two parsers could disagree; here one reading is left. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';
import type { BodyExpectation } from './description.ts';
import type { RequestHead } from './request-head.ts';

/** The framing headers of a request: every value that came, in order. */
export interface FramingHeaders {
  contentLength: readonly string[];
  transferEncoding: readonly string[];
}

// No sign, no leading zero, no list: RFC 9110 8.6 allows "42, 42", and that is how smuggling starts.
const CONTENT_LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;

/** @throws ProblemError RequestMalformed, RequestAmbiguous or BodyInvalid */
export function bodyExpectation(
  head: Pick<RequestHead, 'httpVersion' | 'method'>,
  framing: FramingHeaders,
): BodyExpectation {
  const expected = delimited(head.httpVersion, framing);
  // RFC 9110 9.3.1: content in a GET has no meaning, and some servers take it for the next request.
  const refusesBody = head.method === 'GET' || head.method === 'HEAD';
  const surelyHasBody = expected.kind === 'length' || framing.transferEncoding.length > 0;
  if (refusesBody && surelyHasBody) {
    throw new ProblemError('BodyInvalid', `A ${head.method} request must have no body.`, {
      field: 'body',
    });
  }
  return expected;
}

function delimited(
  version: RequestHead['httpVersion'],
  { contentLength, transferEncoding }: FramingHeaders,
): BodyExpectation {
  if (transferEncoding.length > 0 && contentLength.length > 0) {
    throw new ProblemError(
      'RequestAmbiguous',
      'Content-Length and Transfer-Encoding are both present (RFC 9112 6.1).',
      { field: 'transfer-encoding' },
    );
  }
  if (transferEncoding.length > 0) {
    checkTransferEncoding(version, transferEncoding);
    return { kind: 'stream' };
  }
  if (contentLength.length > 1) {
    throw new ProblemError('RequestAmbiguous', 'Content-Length is present more than once.', {
      field: 'content-length',
    });
  }
  const [length] = contentLength;
  if (length === undefined) return { kind: version === '2' ? 'stream' : 'none' };
  if (!CONTENT_LENGTH.test(length)) {
    throw new ProblemError(
      'RequestMalformed',
      `Content-Length is "${printable(length, 32)}", not a plain decimal number.`,
      { field: 'content-length' },
    );
  }
  const bytes = Number(length);
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes };
}

function checkTransferEncoding(
  version: RequestHead['httpVersion'],
  values: readonly string[],
): void {
  if (version !== '1.1') {
    // RFC 9112 6.1: a server must treat it as faulty framing in HTTP/1.0; RFC 9113 8.2.2 forbids it in HTTP/2.
    throw new ProblemError(
      'RequestAmbiguous',
      `Transfer-Encoding has no meaning in HTTP/${version}.`,
      { field: 'transfer-encoding' },
    );
  }
  const [coding] = values;
  if (values.length > 1 || coding?.toLowerCase() !== 'chunked') {
    throw new ProblemError(
      'RequestAmbiguous',
      `Transfer-Encoding is "${printable(values.join(', '), 64)}"; only "chunked" alone is read the same everywhere.`,
      { field: 'transfer-encoding' },
    );
  }
}
