/**
 * AWS' services with XML answers, and what speaks S3's protocol. The SDKs take what is no XML for a broken answer. The others
 * read `message` in JSON, as everybody's document has it.
 */

import type { Caller } from './caller.ts';
import { oneLine } from './one-line.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const awsXML: RefusalProtocol = {
  spokenBy(caller) {
    if (caller.contentType === 'application/x-www-form-urlencoded') return signedFor(caller) !== '';
    return WITH_XML.has(signedFor(caller)) || S3_HOST.test(caller.host);
  },
  hasManifest: false,
  render(refused) {
    const { code } = refused.problem;
    const error = `<Code>${code}</Code><Message>${escaped(oneLine(refused))}</Message>`;
    // S3 has code and message at the root, the Query protocol and REST-XML in `Error`, EC2 in `Errors`.
    return {
      contentType: 'application/xml',
      text:
        `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${error}` +
        `<Error><Type>Sender</Type>${error}</Error><Errors><Error>${error}</Error></Errors></Error>`,
    };
  },
};

/** Whose requests are no forms: REST-XML. */
const WITH_XML: ReadonlySet<string> = new Set([
  'cloudfront',
  'route53',
  's3',
  's3-object-lambda',
  's3-outposts',
  's3express',
]);

/** Requests to public buckets are not signed. */
const S3_HOST = /(?:^|\.)s3[a-z0-9.-]*\.amazonaws\.com(?:\.cn)?$/;

/** `Credential=KEY/DATE/REGION/SERVICE/aws4_request` in the header, or encoded in the query (Signature Version 4; 4A: no region). */
const SCOPE = /credential=(?:[^/,&]{1,256}\/){2,3}([a-z0-9-]{1,64})\/aws4_request/i;

/** The service that the call is signed for, or the empty string. */
function signedFor(caller: Caller): string {
  const authorization = caller.header('authorization');
  const signed = authorization.startsWith('AWS4-')
    ? authorization
    : caller.target.replaceAll('%2F', '/');
  return SCOPE.exec(signed)?.[1] ?? '';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
