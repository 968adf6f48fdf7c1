import { describe, expect, it } from 'vitest';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { streamOf } from '../../../../sidecar/describe/streams.ts';
import { aHead, aKubernetesHead, CONTEXT, describeHead } from './heads.ts';

function stream(head: RequestHead, body?: string) {
  const description = describeHead(head, CONTEXT);
  if (description.kind === 'discovery') throw new Error('discovery');
  return streamOf(
    description,
    describeBody(description, body === undefined ? 'none' : Buffer.from(body)),
  );
}

const PODS = '/api/v1/namespaces/soc/pods';

const get = (target: string, headers: Record<string, string> = {}) => aHead({ target, headers });
const post = (body: string, headers: Record<string, string> = {}) =>
  aHead({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    },
  });

describe('an answer', () => {
  it.each<[string, RequestHead, object, string?]>([
    ['a watch', aKubernetesHead('GET', `${PODS}?watch=true`), {}],
    ['a watch by its prefix', aKubernetesHead('GET', '/api/v1/watch/namespaces/soc/pods'), {}],
    [
      'a watch of its own length',
      aKubernetesHead('GET', `${PODS}?watch=1&timeoutSeconds=300`),
      { seconds: 300 },
    ],
    ['a watch of an odd length', aKubernetesHead('GET', `${PODS}?watch=1&timeoutSeconds=soon`), {}],
    ['a log that is followed', aKubernetesHead('GET', `${PODS}/web-0/log?follow=true`), {}],
    ['events', get('/', { accept: 'text/event-stream' }), {}],
    ['events, or JSON', get('/', { accept: 'application/json, Text/Event-Stream;q=0.9' }), {}],
    ['lines', get('/', { accept: 'application/x-ndjson' }), {}],
    ['frames', get('/', { accept: 'application/vnd.amazon.eventstream' }), {}],
    ["a stream by Google's parameter", get('/v1/m:streamGenerateContent?alt=sse'), {}],
    ['logs of another service', get('/containers/a/logs?stdout=1&follow=1'), {}],
    ['what a body asks for', post('{"stream":true}'), {}, '{"stream":true}'],
  ])('goes on if the call asks for %s', (_, head, expected, body) => {
    expect(stream(head, body)).toEqual(expected);
  });

  it.each<[string, RequestHead, string?]>([
    ['a list', aKubernetesHead('GET', PODS)],
    ['a list with a time-out', aKubernetesHead('GET', `${PODS}?watch=false&timeoutSeconds=300`)],
    ['a log', aKubernetesHead('GET', `${PODS}/web-0/log?follow=false`)],
    ['anything', get('/', { accept: '*/*' })],
    ['JSON', get('/?alt=json&stream=false&q=watch', { accept: 'application/json' })],
    ['no stream', post('{"stream":false}'), '{"stream":false}'],
    ['a stream of another kind', post('{"a":{"stream":true}}'), '{"a":{"stream":true}}'],
    ['a list in its body', post('[{"stream":true}]'), '[{"stream":true}]'],
    ['what is no JSON', post('{"stream":true'), '{"stream":true'],
  ])('comes to its end if the call asks for %s', (_, head, body) => {
    expect(stream(head, body)).toBeUndefined();
  });
});
