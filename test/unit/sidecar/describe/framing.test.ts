import { describe, expect, it } from 'vitest';
import { bodyExpectation } from '../../../../sidecar/describe/framing.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { refusal } from './problem.ts';

type Given = {
  version?: RequestHead['httpVersion'];
  method?: string;
  length?: string[];
  coding?: string[];
};

const expectation = ({ version = '1.1', method = 'POST', length = [], coding = [] }: Given) =>
  bodyExpectation(
    { httpVersion: version, method },
    { contentLength: length, transferEncoding: coding },
  );

describe('the body that a head announces', () => {
  it.each<[string, Given, object]>([
    ['is none in HTTP/1.1 without framing', {}, { kind: 'none' }],
    ['is none with a length of 0', { length: ['0'] }, { kind: 'none' }],
    ['is none in a GET with a length of 0', { method: 'GET', length: ['0'] }, { kind: 'none' }],
    ['has a length', { length: ['42'] }, { kind: 'length', bytes: 42 }],
    ['is a stream when chunked', { coding: ['Chunked'] }, { kind: 'stream' }],
    ['may come in HTTP/2 without a word', { version: '2' }, { kind: 'stream' }],
    [
      'may be an empty stream in an HTTP/2 GET',
      { version: '2', method: 'GET' },
      { kind: 'stream' },
    ],
    ['has a length in a DELETE', { method: 'DELETE', length: ['2'] }, { kind: 'length', bytes: 2 }],
  ])('%s', (_, given, expected) => {
    expect(expectation(given)).toEqual(expected);
  });

  it.each<[string, Given, string]>([
    ['with both framing headers', { length: ['5'], coding: ['chunked'] }, 'RequestAmbiguous'],
    ['with two lengths', { length: ['1', '1'] }, 'RequestAmbiguous'],
    ['with a list of lengths', { length: ['1, 1'] }, 'RequestMalformed'],
    ['with a leading zero', { length: ['01'] }, 'RequestMalformed'],
    ['with a sign', { length: ['+1'] }, 'RequestMalformed'],
    ['in hexadecimal', { length: ['0x1'] }, 'RequestMalformed'],
    ['with more digits than a double holds', { length: ['9007199254740993'] }, 'RequestMalformed'],
    ['with a coding before chunked', { coding: ['gzip, chunked'] }, 'RequestAmbiguous'],
    ['with two codings', { coding: ['chunked', 'chunked'] }, 'RequestAmbiguous'],
    ['with identity', { coding: ['identity'] }, 'RequestAmbiguous'],
    ['chunked in HTTP/1.0', { version: '1.0', coding: ['chunked'] }, 'RequestAmbiguous'],
    ['chunked in HTTP/2', { version: '2', coding: ['chunked'] }, 'RequestAmbiguous'],
    ['in a GET', { method: 'GET', length: ['1'] }, 'BodyInvalid'],
    ['in a HEAD', { method: 'HEAD', length: ['1'] }, 'BodyInvalid'],
    ['in a chunked GET', { method: 'GET', coding: ['chunked'] }, 'BodyInvalid'],
  ])('is refused %s', (_, given, code) => {
    expect(refusal(() => expectation(given))).toMatchObject({ code });
  });
});
