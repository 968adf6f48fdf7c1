import { describe, expect, it } from 'vitest';
import { canonicalMultipart } from '../../../../core/text/multipart.ts';

const body = (boundary: string, parts: readonly string[], end = '\r\n') =>
  Buffer.from(
    `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--${end}`,
    'latin1',
  );
const FILE = 'Content-Disposition: form-data; name="f"; filename="a"\r\n\r\nhel\u00ff\r\nlo';
const NOTE = 'Content-Disposition: form-data; name="note"\r\n\r\n';

function canonical(boundary: string, bytes: Buffer) {
  const form = canonicalMultipart(bytes, boundary);
  return form && { ...form, text: Buffer.from(form.bytes).toString('latin1') };
}

describe('a body in parts', () => {
  it('is the same, whatever its boundary', () => {
    const first = canonical('a', body('a', [FILE, NOTE]));
    const second = canonical('----x.y', body('----x.y', [FILE, NOTE], ''));
    expect(first).toEqual(second);
    const { boundary, text } = first ?? {};
    expect(boundary).toMatch(/^actiongrant-[0-9a-f]{40}$/);
    expect(text).toBe(body(boundary ?? '', [FILE, NOTE]).toString('latin1'));
  });

  it('is its own canonical form', () => {
    const { boundary = '', bytes = Buffer.alloc(0) } = canonical('a', body('a', [FILE])) ?? {};
    expect(canonicalMultipart(bytes, boundary)).toEqual({ bytes, boundary });
  });

  it('is another with other parts, in another order, or divided elsewhere', () => {
    const texts = [[FILE, NOTE], [NOTE, FILE], [FILE], [`${FILE}\r\n`], [FILE, NOTE, NOTE]].map(
      (parts) => canonical('a', body('a', parts))?.text,
    );
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts).not.toContain(undefined);
  });

  it('may have what looks like a boundary of somebody else in it', () => {
    expect(canonical('a', body('a', [`${NOTE}--b\r\n--b--`]))?.text).toContain('--b\r\n--b--');
  });
});

describe('what could be read in two ways is left as it is', () => {
  it.each([
    ['no part', '--a--\r\n'],
    ['nothing', ''],
    ['text before the first part', 'x\r\n--a\r\n\r\nb\r\n--a--\r\n'],
    ['text after the last', '--a\r\n\r\nb\r\n--a--\r\nx'],
    ['no end', '--a\r\n\r\nb\r\n'],
    ['no end of the last delimiter', '--a\r\n\r\nb\r\n--a'],
    ['another boundary', '--b\r\n\r\nb\r\n--b--\r\n'],
    ['a longer boundary', '--ab\r\n\r\nb\r\n--ab--\r\n'],
    ['a line that begins like a boundary', '--a\r\n\r\nb\r\n--ab\r\n--a--\r\n'],
    ['white space behind a boundary', '--a \r\n\r\nb\r\n--a--\r\n'],
    ['line feeds alone', '--a\n\nb\n--a--\n'],
    ['a part without even a head', '--a\r\n--a\r\n\r\nb\r\n--a--\r\n'],
  ])('%s', (_, text) => {
    expect(canonicalMultipart(Buffer.from(text), 'a')).toBeUndefined();
  });
});

it('a body of more parts than forms have is left as it is', () => {
  const parts = Array.from({ length: 1_000 }, () => NOTE);
  expect(canonical('a', body('a', parts))).toBeDefined();
  expect(canonical('a', body('a', [...parts, NOTE]))).toBeUndefined();
});
