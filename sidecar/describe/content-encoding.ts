/** How a body is encoded (RFC 9110 8.4). */

import { printable } from '../../core/text/url.ts';
import { listOf } from './header-list.ts';
import { refuse } from './header-refusal.ts';

/**
 * Codings that are registered (IANA, HTTP Content Coding) or in wide use; `amz-1.0` and charsets are none, but some clients of AWS
 * and others say them.
 */
const CONTENT_CODING =
  /^(?:x-)?(?:aes128gcm|amz-1\.0|aws-chunked|br|compress|dcb|dcz|deflate|exi|gzip|lz4|pack200-gzip|snappy|utf-?8|zstd)$/;

/** Its codings, lower case, in the order in which they were applied; without `identity`. @throws ProblemError ContentEncodingRefused */
export function readContentEncoding(value: string): string[] {
  const codings = listOf(value.toLowerCase()).filter((coding) => coding !== 'identity');
  const unknown = codings.find((coding) => !CONTENT_CODING.test(coding));
  if (unknown === undefined) return codings;
  throw refuse(
    'content-encoding',
    `"${printable(unknown, 32)}" is not a content coding that is in use`,
    'ContentEncodingRefused',
  );
}
