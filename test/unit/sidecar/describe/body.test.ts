import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, aKubernetesHead, anH2Head, CONTEXT, describeHead } from './heads.ts';
import { refusal } from './problem.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function described(head: RequestHead, body: string | null, tooLarge = false) {
  const description = describeHead(head, CONTEXT);
  if (description.kind === 'discovery') throw new Error('discovery');
  if (tooLarge) return describeBody(description, 'tooLarge');
  return describeBody(description, body === null ? 'none' : Buffer.from(body));
}

const post = (body: string, type = 'application/json') =>
  aHead({
    method: 'POST',
    headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) },
  });

const apply = aKubernetesHead('PATCH', '/api/v1/namespaces/soc/pods/web-0', {
  'content-type': 'application/apply-patch+yaml',
  'transfer-encoding': 'chunked',
});

describe('the body of a call', () => {
  it('is none when there is none', () => {
    expect(described(aHead(), null).action.body).toEqual({ kind: 'none' });
  });

  it('is none when a stream turns out empty', () => {
    expect(described(anH2Head({ method: 'POST' }), '').action.body).toEqual({ kind: 'none' });
    expect(described(anH2Head(), '').action.body).toEqual({ kind: 'none' });
  });

  it('has the digest of its bytes', () => {
    const { action, canonicalBody } = described(
      post('{"a":1,"a":2}', 'text/plain'),
      '{"a":1,"a":2}',
    );
    expect(action.body).toEqual({ kind: 'bytes', sha256: sha256('{"a":1,"a":2}') });
    expect(canonicalBody).toBeUndefined();
  });

  it('also has the digest of its canonical form when it is JSON', () => {
    const text = '{"b": 1.0, "a": "\\u00e9"}';
    const { action, canonicalBody } = described(post(text), text);
    expect(Buffer.from(canonicalBody ?? []).toString()).toBe('{"a":"é","b":1}');
    expect(action.body).toEqual({
      kind: 'bytes',
      sha256: sha256(text),
      jsonSha256: sha256('{"a":"é","b":1}'),
    });
  });

  it('is unread when it is over the limit', () => {
    expect(described(post('{}'), null, true).action.body).toEqual({ kind: 'unread' });
  });

  it.each([
    ['a key twice', '{"a":1,"a":2}'],
    ['a number that a double cannot hold', '[9007199254740993]'],
    ['a lone surrogate', '"\\ud800"'],
    ['no end', '{'],
    ['a leading zero', '01'],
    ['a line for each of its values', '{"a":1}\n{"a":2}\n'],
    ['a byte order mark', '\ufeff{}'],
    ['more values than are read', `[${'0,'.repeat(30_000)}0]`],
    ['no JSON in it at all', 'name=value'],
  ])('has the digest of its bytes alone when it should be JSON and has %s', (_, text) => {
    const { action, canonicalBody, notJson } = described(post(text), text);
    expect(action.body).toEqual({ kind: 'bytes', sha256: sha256(text) });
    expect(canonicalBody).toBeUndefined();
    expect(notJson).toMatch(/ at position \d+$/);
  });

  it('is none when it should be JSON and is empty', () => {
    expect(described(post(''), '').action.body).toEqual({ kind: 'none' });
  });

  it.each(['gzip', 'zstd', 'br', 'x-gzip', 'gzip, identity'])(
    'has the digest of its bytes alone when it is encoded: %s',
    (coding) => {
      const text = '{"a":1}';
      const head = post(text);
      head.rawHeaders = [...head.rawHeaders, 'Content-Encoding', coding];
      const { action, canonicalBody } = described(head, text);
      expect(action.body).toEqual({ kind: 'bytes', sha256: sha256(text) });
      expect(canonicalBody).toBeUndefined();
    },
  );

  it('is JSON when its encoding is none', () => {
    const head = post('{}');
    head.rawHeaders = [...head.rawHeaders, 'Content-Encoding', 'identity'];
    expect(described(head, '{}').action.body).toMatchObject({ jsonSha256: sha256('{}') });
  });

  it.each<[string, string | null]>([
    ['shorter than its length', 'a'],
    ['longer than its length', 'abc'],
    ['missing', null],
  ])('is refused when it is %s', (_, body) => {
    expect(refusal(() => described(post('{}'), body))).toMatchObject({ code: 'RequestMalformed' });
  });

  it('is refused when none was announced', () => {
    expect(refusal(() => described(aHead({ method: 'POST' }), 'a'))).toMatchObject({
      code: 'RequestMalformed',
    });
  });

  it.each(['GET', 'HEAD'])('is refused in a %s over HTTP/2', (method) => {
    expect(refusal(() => described(anH2Head({ method }), 'a'))).toMatchObject({
      code: 'BodyInvalid',
    });
    expect(refusal(() => described(anH2Head({ method }), null, true))).toMatchObject({
      code: 'BodyInvalid',
    });
  });
});

describe('the body of a call to the API server', () => {
  it('has a JSON reading when it is JSON sent as YAML', () => {
    const { action, canonicalBody } = described(apply, '{"b": [1], "a": null}');
    expect(action.body).toMatchObject({ jsonSha256: sha256('{"a":null,"b":[1]}') });
    expect(Buffer.from(canonicalBody ?? []).toString()).toBe('{"a":null,"b":[1]}');
  });

  it.each([
    ['YAML', 'a: 1\n'],
    ['JSON that YAML reads otherwise: a line separator', '{"a":"\u2028"}'],
    ['JSON that YAML reads otherwise: next line', '{"a":"\\u0085"}'],
    ['JSON that YAML reads otherwise: a merge key', '{"<<":{"a":1}}'],
    ['JSON with a key twice', '{"a":1,"a":2}'],
  ])('has none when it is %s', (_, text) => {
    expect(described(apply, text)).toEqual({
      action: expect.objectContaining({ body: { kind: 'bytes', sha256: sha256(text) } }),
    });
  });

  const remove = (query: string, headers: Record<string, string> = {}) =>
    aKubernetesHead('DELETE', `/api/v1/namespaces/soc/pods/web-0${query}`, {
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
      ...headers,
    });

  it('belongs to a DELETE, which can have its options there', () => {
    const body = '{"propagationPolicy":"Background"}';
    expect(described(remove(''), body).action).toMatchObject({
      verb: 'delete',
      body: { jsonSha256: sha256(body) },
    });
  });

  it.each(['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents'])(
    'is refused in a DELETE when it would silence the query parameter %s',
    (name) => {
      expect(refusal(() => described(remove(`?${name}=x`), '{}'))).toEqual({
        code: 'RequestAmbiguous',
        field: name,
      });
      expect(refusal(() => described(remove(`?${name}=x`), '')).code).toBe('accepted');
    },
  );

  it('is JSON without a content type', () => {
    const text = '{"b":1, "a":2}';
    const head = aKubernetesHead('POST', '/api/v1/namespaces/soc/pods', {
      'content-length': String(text.length),
    });
    expect(described(head, text).action.body).toMatchObject({
      jsonSha256: sha256('{"a":2,"b":1}'),
    });
  });

  it('has the digest of its bytes alone when a patch has a key twice', () => {
    const head = aKubernetesHead('PATCH', '/api/v1/namespaces/soc/pods/web-0', {
      'content-type': 'application/merge-patch+json',
      'transfer-encoding': 'chunked',
    });
    const text = '{"a":1,"a":2}';
    expect(described(head, text).action.body).toEqual({ kind: 'bytes', sha256: sha256(text) });
  });
});
