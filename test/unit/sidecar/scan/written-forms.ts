/** How software writes a text that it shows: by name, from the text to the bytes of an answer. */

export type Write = (text: string) => Buffer | string;

const each =
  (write: (character: string, code: number) => string, between = ''): Write =>
  (text) =>
    [...text].map((character) => write(character, character.charCodeAt(0))).join(between);
const hex = (code: number, digits = 2): string => code.toString(16).padStart(digits, '0');
const inPieces = (text: string, length: number): string[] =>
  text.match(new RegExp(`.{1,${length}}`, 'gs')) ?? [];
const wrapped = (text: string, length: number, end: string): string =>
  inPieces(text, length).join(end);
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
const swapped = (bytes: Buffer, width: 2 | 4): Buffer =>
  width === 2 ? bytes.swap16() : bytes.swap32();
const utf32 = (text: string): Buffer =>
  Buffer.from(Uint32Array.from(text, (character) => character.charCodeAt(0)).buffer);

/** The text as it stands, with something in between. */
const INTERLEAVED: Record<string, Write> = {
  'as it stands': (text) => text,
  'behind its scheme': (text) => `Bearer ${text}`,
  'in capitals': (text) => text.toUpperCase(),
  'in lines of 60': (text) => wrapped(text, 60, '\n'),
  'in lines of 64': (text) => wrapped(text, 64, '\r\n'),
  'in lines of 76': (text) => wrapped(text, 76, '\r\n'),
  'in folded lines': (text) => wrapped(text, 70, '\r\n\t '),
  'in quoted lines of a mail': (text) => wrapped(text, 60, '\n> > '),
  'in lines of a comment': (text) => wrapped(text, 70, '\n * '),
  'in lines of JSON': (text) => JSON.stringify(wrapped(text, 60, '\n')),
  'in lines of JSON within JSON': (text) =>
    JSON.stringify(JSON.stringify(JSON.stringify(wrapped(text, 60, '\r\n')))),
  'in words of 8': (text) => wrapped(text, 8, ' '),
  'in strings that are added': (text) => `"${wrapped(text, 12, '" +\n  "')}"`,
  'in an array of strings': (text) => JSON.stringify(inPieces(text, 10), null, 2),
  'in an array of characters': (text) => JSON.stringify([...text]),
  'in characters one under the other': (text) => [...text].join('\n'),
  'in lines of a shell script': (text) => wrapped(text, 50, '\\\n'),
  'in a page that breaks long words': (text) => wrapped(text, 20, '<wbr>'),
  'in lines of a page': (text) => wrapped(text, 40, '<br />\n'),
  'in marked-up pieces': (text) => `<b>${wrapped(text, 10, '</b><b>')}</b>`,
  'with soft hyphens of a page': (text) => wrapped(text, 10, '&shy;'),
  'with zero-width spaces': (text) => wrapped(text, 10, '\u200b'),
  'in groups with hyphens': (text) => wrapped(text, 8, '-'),
  'in a path': (text) => wrapped(text, 16, '/'),
  'in the other alphabet of base64': (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
};

const ESCAPED: Record<string, Write> = {
  'percent-encoded where it must be': encodeURIComponent,
  'percent-encoded': each((_, code) => `%${hex(code).toUpperCase()}`),
  'percent-encoded in small letters': each((_, code) => `%${hex(code)}`),
  'percent-encoded twice': each((_, code) => `%25${hex(code)}`),
  'percent-encoded three times': each((_, code) => `%2525${hex(code)}`),
  'percent-encoded here and there': each((c, code) => (code % 3 === 0 ? `%${hex(code)}` : c)),
  'as escape() writes it': each((_, code) => `%u${hex(code, 4)}`),
  'escaped in JSON where punctuation is': (text) =>
    text.replace(/[-_.]/g, (c) => `\\u${hex(c.charCodeAt(0), 4)}`),
  'escaped in JSON where punctuation is, in capitals': (text) =>
    text.replace(/[-_.]/g, (c) => `\\u${hex(c.charCodeAt(0), 4).toUpperCase()}`),
  'escaped in JSON': each((_, code) => `\\u${hex(code, 4)}`),
  'escaped in JSON within JSON': (text) =>
    JSON.stringify(JSON.stringify({ text })).replace(
      /[A-Za-z]/g,
      (c) => `\\u${hex(c.charCodeAt(0), 4)}`,
    ),
  'escaped with backslashes twice over': each((_, code) => `\\\\\\\\u${hex(code, 4)}`),
  'escaped in braces': each((_, code) => `\\u{${hex(code, 1)}}`),
  'escaped in braces with zeros': each((_, code) => `\\u{${hex(code, 12)}}`),
  'escaped as Python writes it': each((_, code) => `\\U${hex(code, 8)}`),
  'escaped as C writes it': each((_, code) => `\\x${hex(code)}`),
  'escaped in octal digits': each((_, code) => `\\${code.toString(8)}`),
  'in decimal references': each((_, code) => `&#${code};`),
  'in decimal references with zeros': each((_, code) => `&#${String(code).padStart(9, '0')};`),
  'in references without semicolons': each((_, code) => `&#${code}`),
  'in hexadecimal references': each((_, code) => `&#x${hex(code)};`),
  'in hexadecimal references, in capitals': each((_, code) => `&#X${hex(code, 6).toUpperCase()};`),
  'in references of a page within a page': each((_, code) => `&amp;#${code};`),
  'in references that are percent-encoded': (text) =>
    encodeURIComponent([...text].map((c) => `&#${c.charCodeAt(0)};`).join('')),
  'in references for punctuation': (text) =>
    text.replaceAll('-', '&hyphen;').replaceAll('_', '&lowbar;').replaceAll('.', '&period;'),
  'quoted-printable, with soft breaks': (text) => wrapped(text, 75, '=\r\n'),
  'quoted-printable, every character': (text) =>
    wrapped([...text].map((c) => `=${hex(c.charCodeAt(0)).toUpperCase()}`).join(''), 75, '=\r\n'),
  'percent-encoded in JSON': (text) =>
    JSON.stringify({ url: `https://x/?a=${each((_, code) => `%${hex(code)}`)(text)}` }),
};

const IN_DIGITS: Record<string, Write> = {
  'in hexadecimal digits': (text) => Buffer.from(text).toString('hex'),
  'in hexadecimal digits, in capitals': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'in hexadecimal digits with colons': each((_, code) => hex(code).toUpperCase(), ':'),
  'in hexadecimal digits with spaces': each((_, code) => hex(code), ' '),
  'in hexadecimal digits with hyphens': each((_, code) => hex(code), '-'),
  'in lines of hexadecimal digits': (text) => wrapped(Buffer.from(text).toString('hex'), 60, '\n'),
  'in an array of C': (text) => `{ ${each((_, code) => `0x${hex(code)}`, ', ')(text)} }`,
  'as bytes of JSON': (text) => JSON.stringify(Buffer.from(text)),
  'as bytes of JSON, one a line': (text) => JSON.stringify(Buffer.from(text), null, 4),
  'as xxd shows it': (text) =>
    inPieces(text, 16)
      .map((line, n) => {
        const digits = wrapped(Buffer.from(line).toString('hex'), 4, ' ');
        return `${hex(n * 16, 8)}: ${digits.padEnd(39)}  ${line}`;
      })
      .join('\n'),
  'as hexdump -C shows it': (text) =>
    inPieces(text, 16)
      .map((line, n) => `${hex(n * 16, 8)}  ${each((_, code) => hex(code), ' ')(line)}  |${line}|`)
      .join('\n'),
  'as hexdump shows it': (text) =>
    inPieces(text, 16)
      .map((line, n) => {
        const padded = Buffer.from(line.padEnd(line.length + (line.length % 2), '\0'));
        return `${hex(n * 16, 7)} ${wrapped(padded.swap16().toString('hex'), 4, ' ')}`;
      })
      .join('\n'),
  'as od -b shows it': (text) =>
    inPieces(text, 16)
      .map((line, n) => {
        const octal = each((_, code) => code.toString(8).padStart(3, '0'), ' ')(line);
        return `${(n * 16).toString(8).padStart(7, '0')} ${octal}`;
      })
      .join('\n'),
  'in decimal digits with zeros': each((_, code) => String(code).padStart(3, '0'), ' '),
  'in the notation of Unicode': each((_, code) => `U+${hex(code, 4).toUpperCase()}`, ' '),
  'escaped in JSON, without the backslashes': each((_, code) => `u${hex(code, 4)}`),
  'in hexadecimal digits of UTF-16': (text) => Buffer.from(text, 'utf16le').toString('hex'),
};

const WIDE: Record<string, Write> = {
  'in UTF-16': (text) => Buffer.from(text, 'utf16le'),
  'in UTF-16, the large end first': (text) => swapped(Buffer.from(text, 'utf16le'), 2),
  'in UTF-32': utf32,
  'in UTF-32, the large end first': (text) => swapped(utf32(text), 4),
  'in UTF-16, in lines': (text) => Buffer.from(wrapped(text, 60, '\r\n'), 'utf16le'),
  'in UTF-16, escaped in JSON': (text) =>
    Buffer.from([...text].map((c) => `\\u${hex(c.charCodeAt(0), 4)}`).join(''), 'utf16le'),
};

const IN_BASE64: Record<string, Write> = Object.fromEntries(
  ['', 'a', 'ab', 'user:'].flatMap((before): [string, Write][] => [
    [`in base64 behind "${before}"`, (text) => base64(`${before}${text}`)],
    [
      `in base64url behind "${before}"`,
      (text) => Buffer.from(`${before}${text}`).toString('base64url'),
    ],
    ...[60, 64, 76].map((length): [string, Write] => [
      `in base64 behind "${before}" in lines of ${length}`,
      (text) => wrapped(base64(`${before}${text}`), length, '\r\n'),
    ]),
    [
      `in base64 behind "${before}" in lines of JSON`,
      (text) => JSON.stringify({ data: wrapped(base64(`${before}${text}`), 76, '\n') }),
    ],
    [
      `in base64 behind "${before}", percent-encoded`,
      (text) => [...base64(`${before}${text}`)].map((c) => `%${hex(c.charCodeAt(0))}`).join(''),
    ],
    [
      `in base64 of UTF-16 behind "${before}"`,
      (text) => base64(Buffer.from(`${before}${text}`, 'utf16le')),
    ],
    [
      `in base64 of UTF-16 behind "${before}", the large end first`,
      (text) => base64(swapped(Buffer.from(`${before}${text}`, 'utf16le'), 2)),
    ],
    [
      `in base64 of base64 behind "${before}"`,
      (text) =>
        base64(
          JSON.stringify({ auths: { 'r.example.com': { auth: base64(`${before}${text}`) } } }),
        ),
    ],
    [
      `in base64 of base64 behind "${before}", in lines`,
      (text) => wrapped(base64(`{"auth":"${base64(`${before}${text}`)}"}`), 76, '\n'),
    ],
  ]),
);

const dumped =
  (write: (character: string, code: number) => string): Write =>
  (text) =>
    inPieces(text, 16)
      .map((line, n) => `${(n * 16).toString(8).padStart(7, '0')} ${each(write, ' ')(line)}`)
      .join('\n');

/** Lines of which some have enough of it, and others not: those of a short secret may be none that has. */
export const IN_LINES_OF_16: Readonly<Record<string, Write>> = {
  'as od -c shows it': dumped((character) => `  ${character}`),
  'as od -t u1 shows it': dumped((_, code) => String(code).padStart(3)),
};

export const WRITTEN: Readonly<Record<string, Write>> = {
  ...INTERLEAVED,
  ...ESCAPED,
  ...IN_DIGITS,
  ...WIDE,
  ...IN_BASE64,
};
