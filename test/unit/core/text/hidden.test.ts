import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHidden, findHidden } from '../../../../core/text/hidden.ts';

describe('a hidden character', () => {
  it.each<[number, string, string]>([
    [0x0000, 'NUL', 'Control'],
    [0x0009, 'a tab', 'Control'],
    [0x000a, 'a line feed', 'LineBreak'],
    [0x000b, 'a vertical tab', 'LineBreak'],
    [0x000c, 'a form feed', 'LineBreak'],
    [0x000d, 'a carriage return', 'LineBreak'],
    [0x001b, 'an escape of terminals', 'Control'],
    [0x007f, 'DEL', 'Control'],
    [0x0080, 'C1', 'Control'],
    [0x0085, 'the next line of C1', 'LineBreak'],
    [0x009b, 'the control sequence introducer of C1', 'Control'],
    [0x00ad, 'a soft hyphen', 'Invisible'],
    [0x034f, 'a combining grapheme joiner', 'Invisible'],
    [0x061c, 'an Arabic letter mark', 'Bidi'],
    [0x115f, 'a Hangul filler', 'Invisible'],
    [0x180e, 'a Mongolian vowel separator', 'Invisible'],
    [0x200b, 'a zero-width space', 'Invisible'],
    [0x200c, 'a zero-width non-joiner', 'Invisible'],
    [0x200d, 'a zero-width joiner', 'Invisible'],
    [0x200e, 'a left-to-right mark', 'Bidi'],
    [0x200f, 'a right-to-left mark', 'Bidi'],
    [0x2028, 'a line separator', 'LineBreak'],
    [0x2029, 'a paragraph separator', 'LineBreak'],
    [0x202a, 'a left-to-right embedding', 'Bidi'],
    [0x202e, 'a right-to-left override', 'Bidi'],
    [0x2060, 'a word joiner', 'Invisible'],
    [0x2066, 'a left-to-right isolate', 'Bidi'],
    [0x2069, 'a pop of isolates', 'Bidi'],
    [0x206f, 'a deprecated format character', 'Invisible'],
    [0x3164, 'another Hangul filler', 'Invisible'],
    [0xd800, 'a lone high surrogate', 'Invisible'],
    [0xdfff, 'a lone low surrogate', 'Invisible'],
    [0xe000, 'a character of private use', 'Invisible'],
    [0xfe00, 'a variation selector', 'Invisible'],
    [0xfeff, 'a byte order mark', 'Invisible'],
    [0xfff9, 'an annotation anchor', 'Invisible'],
    [0xffff, 'no character', 'Invisible'],
    [0xe0001, 'a language tag', 'Invisible'],
    [0xe0061, 'a tag', 'Invisible'],
    [0xe0100, 'a selector that can carry data', 'Invisible'],
    [0x10ffff, 'no character of the last plane', 'Invisible'],
  ])('is U+%x, %s', (codePoint, _, kind) => {
    const text = `a😀${String.fromCodePoint(codePoint)}b`;
    const hex = codePoint.toString(16).toUpperCase().padStart(4, '0');
    expect(findHidden(text)).toEqual({ codePoint: `U+${hex}`, position: 3, kind });
  });

  it.each([
    '',
    'alert 4711: beaconing from host-7',
    'アラート 4711　全角',
    'Zugriff für «host-7» — naïve café',
    'تنبيه: عزل المضيف',
    'בדיקה',
    'ก็ देवनागरी 한국어',
    '❤️ ⚠︎ 😀',
    'e\u0301',
    'a\u00a0b',
  ])('is none in %s', (text) => {
    expect(findHidden(text)).toBeUndefined();
    expect(escapeHidden(text)).toBe(text);
  });
});

describe('escaped', () => {
  it('a text has one line, and nothing hidden', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(findHidden(escapeHidden(text))).toBeUndefined();
      }),
    );
  });

  it('JSON stays the same JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(escapeHidden(JSON.stringify({ text })))).toEqual({ text });
      }),
    );
  });

  it('a character beyond the basic plane is two escapes', () => {
    expect(escapeHidden('a\u{e0061}b')).toBe('a\\udb40\\udc61b');
    expect(escapeHidden('a\nb')).toBe('a\\u000ab');
  });
});
