/** Guesses which protocol a refused connection speaks, for the person who reads of the refusal. */

/** By what clients send first. Only protocols whose first bytes are unmistakable. */
const GREETINGS: ReadonlyArray<readonly [name: string, starts: (bytes: Buffer) => boolean]> = [
  ['SSH', (bytes) => startsWith(bytes, 'SSH-')],
  // SSLRequest, GSSENCRequest or StartupMessage 3.x, each after its length.
  [
    'PostgreSQL',
    (bytes) =>
      bytes.length >= 8 &&
      bytes.readUInt32BE(0) >= 8 &&
      [80877103, 80877104, 0x00030000, 0x00030002].includes(bytes.readUInt32BE(4)),
  ],
  ['Redis', (bytes) => /^\*[1-9][0-9]{0,3}\r\n\$/.test(bytes.toString('latin1', 0, 12))],
  ['AMQP', (bytes) => startsWith(bytes, 'AMQP')],
  ['MQTT', (bytes) => bytes[0] === 0x10 && bytes.toString('latin1', 4, 8) === 'MQTT'],
  ['LDAP', (bytes) => bytes[0] === 0x30 && bytes[2] === 0x02 && bytes[3] === 0x01],
  // OP_MSG or OP_QUERY in the header's last four bytes.
  ['MongoDB', (bytes) => bytes.length >= 16 && [2013, 2004].includes(bytes.readUInt32LE(12))],
];

/** By port, where the server speaks first (IANA service names). */
const SERVER_SPEAKS_FIRST: Readonly<Record<number, string>> = {
  21: 'FTP',
  25: 'SMTP',
  110: 'POP3',
  143: 'IMAP',
  587: 'SMTP',
  3306: 'MySQL',
};

/** @param bytes what the client sent; none if it waited for the server */
export function protocolHint(bytes: Buffer, port: number): string {
  if (bytes.length === 0) return SERVER_SPEAKS_FIRST[port] ?? 'a silent client';
  return GREETINGS.find(([, starts]) => starts(bytes))?.[0] ?? 'an unknown protocol';
}

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.toString('latin1', 0, text.length) === text;
}
