/** Whether an answer is one that goes on: a grant for it needs longer than the default `timeoutSeconds`. */

import { isRecord } from '../../core/text/json.ts';
import type { DescribedCall } from './body.ts';
import type { ActionDescription } from './call-types.ts';

/** Media types of answers that come in parts for as long as there are any: events, lines, frames. */
const STREAMED =
  /\b(?:text\/event-stream|application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|json-seq|stream\+json|vnd\.amazon\.eventstream|grpc-web(?:\+proto|-text)?))\b/i;

/** Query parameters by which services are asked to go on: logs, watches, Google's `alt=sse`. */
const STREAM_PARAMETERS: readonly (readonly [name: string, value: RegExp])[] = [
  ['alt', /^sse$/i],
  ['follow', /^(?:1|true)$/i],
  ['stream', /^(?:1|true)$/i],
  ['watch', /^(?:1|true)$/i],
];

/**
 * What the call says of it. A guess, for a manifest: a grant decides how long the call may take, whatever is said here.
 * @returns undefined: nothing says that the answer goes on. `seconds`: for how long the call itself asks, if it does
 */
export function streamOf(
  { action, upstream }: Pick<ActionDescription, 'action' | 'upstream'>,
  { canonicalBody }: Pick<DescribedCall, 'canonicalBody'>,
): { seconds?: number } | undefined {
  if (action.type === 'Kubernetes') {
    const { verb, subresource, queryParameters } = action;
    const follows =
      subresource === 'log' && /^(?:1|true|t)$/i.test(queryParameters['follow'] ?? '');
    if (verb !== 'watch' && !follows) return undefined;
    const seconds = Number(queryParameters['timeoutSeconds']);
    return Number.isInteger(seconds) && seconds > 0 ? { seconds } : {};
  }
  const accept = upstream.headers.filter(([name]) => name === 'accept');
  if (accept.some(([, value]) => STREAMED.test(value))) return {};
  const query = new URLSearchParams(upstream.path.replace(/^[^?]*/, ''));
  if (STREAM_PARAMETERS.some(([name, value]) => value.test(query.get(name) ?? ''))) return {};
  return canonicalBody !== undefined && asksForStream(canonicalBody) ? {} : undefined;
}

/** `"stream": true`, as the APIs of language models have it. */
function asksForStream(canonicalBody: Uint8Array): boolean {
  const value: unknown = JSON.parse(Buffer.from(canonicalBody).toString('utf8'));
  return isRecord(value) && value['stream'] === true;
}
