import { expect, it } from 'vitest';
import { protocolHint } from '../../../../sidecar/intercept/protocol-hint.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const mongo = (opcode: number) => {
  const message = Buffer.alloc(16);
  message.writeUInt32LE(opcode, 12);
  return message;
};
const postgres = (length: number, code: number) => {
  const message = Buffer.alloc(8);
  message.writeUInt32BE(length);
  message.writeUInt32BE(code, 4);
  return message;
};

it.each<[string, Buffer]>([
  ['SSH', bytes('SSH-2.0-OpenSSH_9.6\r\n')],
  ['PostgreSQL', postgres(8, 80877103)],
  ['PostgreSQL', postgres(90, 0x00030000)],
  ['Redis', bytes('*1\r\n$4\r\nPING\r\n')],
  ['AMQP', bytes('AMQP\x00\x00\x09\x01')],
  ['MQTT', bytes('\x10\x0c\x00\x04MQTT\x04\x02')],
  ['LDAP', bytes('0\x0c\x02\x01\x01`')],
  ['MongoDB', mongo(2013)],
  ['MongoDB', mongo(2004)],
  ['an unknown protocol', mongo(2012)],
  ['an unknown protocol', postgres(7, 80877103)],
  ['an unknown protocol', bytes('*0\r\n$4')],
  ['an unknown protocol', bytes('S')],
])('says %s of %j', (name, first) => {
  expect(protocolHint(first, 443)).toBe(name);
});

it.each([
  [21, 'FTP'],
  [25, 'SMTP'],
  [587, 'SMTP'],
  [110, 'POP3'],
  [143, 'IMAP'],
  [3306, 'MySQL'],
  [443, 'a silent client'],
])('of a client that waits for the server on port %i says %s', (port, name) => {
  expect(protocolHint(Buffer.alloc(0), port)).toBe(name);
});
