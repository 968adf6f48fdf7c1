/** Watch events from a stream of lines. */

import { Buffer } from 'node:buffer';
import { isRecord } from '../text/json.ts';
import { errorOfStatus } from './answer-error.ts';
import { parseObject } from './answer-object.ts';
import { KubernetesError } from './error.ts';
import type { KubernetesObject, Live } from './object.ts';

export type WatchEvent<T extends KubernetesObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Live<T> }
  | { type: 'BOOKMARK'; resourceVersion: string };

/** etcd takes objects of 1.5 MB; an event is one of them and its frame. */
const LINE_LIMIT_BYTES = 8 * 1024 * 1024;

/** @throws KubernetesError, of an ERROR event as its Status says (`Gone`), `Malformed` for a line that is no event */
export async function* watchEvents<T extends KubernetesObject>(
  body: AsyncIterable<Buffer>,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  for await (const line of lines(body)) yield eventOf<T>(line);
}

function eventOf<T extends KubernetesObject>(line: string): WatchEvent<T> {
  const { type, object } = parseObject(line) ?? {};
  if (type === 'ERROR') throw errorOfStatus(object);
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  if (isRecord(metadata) && typeof version === 'string') {
    if (type === 'BOOKMARK') return { type, resourceVersion: version };
    const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED';
    if (known && typeof metadata['name'] === 'string' && typeof metadata['uid'] === 'string') {
      return { type, object: object as unknown as Live<T> };
    }
  }
  throw new KubernetesError('Malformed', 'a line of the watch is not an event');
}

async function* lines(body: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      if (end < 0) break;
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > LINE_LIMIT_BYTES) {
      throw new KubernetesError('Malformed', 'a line of the watch is too long');
    }
  }
  // A rest without an end of line was cut off with the connection: the next watch repeats it.
}
