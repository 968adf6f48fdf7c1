import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { UpstreamHead } from '../../../sidecar/describe/description.ts';
import { upstreamRequest } from '../../../sidecar/upstream-request.ts';

const UPSTREAM: UpstreamHead = {
  scheme: 'https',
  host: 'edr.example.com',
  port: 443,
  method: 'POST',
  path: '/',
  headers: [],
};
const raw = { kind: 'whole', bytes: Buffer.from('{ }') } as const;
const canonicalBody = Buffer.from('{}');
const tooLarge = { kind: 'tooLarge', stream: new PassThrough() } as const;

describe('the body that goes upstream', () => {
  it.each([
    ['the canonical one for a grant that states JSON', 'JSON', raw, canonicalBody],
    ['the one that came for a grant that states its digest', 'SHA256', raw, raw.bytes],
    ['the one that came for a grant of any body', 'Any', raw, raw.bytes],
    ['the stream of one that is too large', 'Any', tooLarge, tooLarge.stream],
    ['none for a call without', 'None', { kind: 'none' }, null],
  ] as const)('is %s', (_, bodyForm, body, sent) => {
    const described = { canonicalBody };
    const request = upstreamRequest({ upstream: UPSTREAM }, described, body, {
      bodyForm,
      credential: undefined,
    });
    expect(request).toEqual({ ...UPSTREAM, body: sent });
  });

  it('is the one with the canonical boundary, and its content type, where that was compared', () => {
    const canonicalForm = { bytes: Buffer.from('--c'), contentType: 'multipart/x; boundary=c' };
    const upstream: UpstreamHead = {
      ...UPSTREAM,
      headers: [
        ['content-type', 'multipart/x; boundary=b'],
        ['x-a', 'b'],
      ],
    };
    const send = (bodyForm: 'JSON' | 'SHA256') =>
      upstreamRequest({ upstream }, { canonicalForm }, raw, { bodyForm, credential: undefined });
    expect(send('JSON')).toMatchObject({
      body: canonicalForm.bytes,
      headers: [
        ['content-type', canonicalForm.contentType],
        ['x-a', 'b'],
      ],
    });
    expect(send('SHA256')).toMatchObject({ body: raw.bytes, headers: upstream.headers });
  });

  it('is never one that was not compared', () => {
    const authorization = { bodyForm: 'JSON', credential: undefined } as const;
    expect(() => upstreamRequest({ upstream: UPSTREAM }, {}, raw, authorization)).toThrow(
      expect.objectContaining({ code: 'Internal' }),
    );
  });
});
