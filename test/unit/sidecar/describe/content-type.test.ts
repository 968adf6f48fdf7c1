import { describe, expect, it } from 'vitest';
import { isJson, parseContentType } from '../../../../sidecar/describe/content-type.ts';
import { refusal } from './problem.ts';

describe('a content type', () => {
  it.each([
    ['application/json', true],
    ['Application/JSON; charset=UTF-8', true],
    ['application/json;charset="utf-8"', true],
    ['application/problem+json', true],
    ['application/json ; profile="a;b\\"c"', true],
    ['text/plain', false],
    ['application/json-seq', false],
    ['application/x-ndjson', false],
    ['multipart/form-data; boundary=x', false],
    ['multipart/form-data; boundary=----=_Part_1_23.45', false],
    ['application/json; profile=https://example.com/a?b=c', true],
    // Not the text that we would read.
    ['application/json; charset=utf-16', false],
    ['application/json; charset=utf-7', false],
    ['application/json; charset=iso-8859-1', false],
    ['application/json; charset=utf8', true],
  ])('%s is JSON: %s', (text, expected) => {
    expect(isJson(parseContentType(text))).toBe(expected);
  });

  it.each([
    'json',
    'application/json, text/plain',
    'application/json; charset',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; a="',
    'application /json',
    '',
  ])('is refused when it is "%s"', (text) => {
    expect(refusal(() => parseContentType(text))).toEqual({
      code: 'HeaderRefused',
      field: 'content-type',
    });
  });

  it('takes no quadratic time to refuse a long run of white space', () => {
    const start = performance.now();
    expect(refusal(() => parseContentType(`a/b${' '.repeat(30_000)}x`)).code).toBe('HeaderRefused');
    // It took more than a second, and a client may send a hundred of them at once.
    expect(performance.now() - start).toBeLessThan(200);
  });
});
