/**
 * The part of DNS messages (RFC 1035) that a server needs. Attackers write the questions, so the library reads one question
 * and no more of a message: its reader makes room for as many records as the header claims (2 MB for 12 bytes) before it looks for them.
 */

import { type Answer, decode, encode, type Packet, type Question } from 'dns-packet';

/** No question that a client has reason to ask is longer: a name of 255 bytes, EDNS options, and padding (RFC 8467). */
export const MAX_QUERY_BYTES = 2048;
/** What a client without EDNS takes over UDP (RFC 1035 4.2.1). */
const PLAIN_UDP_BYTES = 512;

/** RFC 1035 4.1.1. */
export const RCODE = {
  noError: 0,
  formatError: 1,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;
export type Rcode = (typeof RCODE)[keyof typeof RCODE];
/** RFC 6891 6.1.3: with the extended bits, 16. */
const BADVERS_EXTENDED = 1;

const HEADER_BYTES = 12;
const OPT = 41;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Spelled as the client did: it compares (draft-vixie-dnsext-dns0x20). */
  readonly question: Question;
  readonly edns: { readonly version: number; readonly udpPayloadBytes: number } | null;
}

export type ReadQuery =
  | { readonly query: Query }
  /** The answer to a message that holds no question we take. */
  | { readonly answer: Buffer }
  /** Nothing that may be answered: no header, or an answer itself, which two servers could send each other for ever. */
  | { readonly answer: null };

export function readQuery(message: Buffer): ReadQuery {
  if (message.length < HEADER_BYTES) return { answer: null };
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & RESPONSE) !== 0) return { answer: null };
  const opcode = (flags >> 11) & 0xf;
  if (opcode !== 0) return { answer: withoutQuestion(id, RCODE.notImplemented, opcode) };
  const [questions, answers, authorities, additionals = 0] = [4, 6, 8, 10].map((at) =>
    message.readUInt16BE(at),
  );
  const sections = questions === 1 && answers === 0 && authorities === 0 && additionals <= 1;
  const question = sections && message.length <= MAX_QUERY_BYTES ? readQuestion(message) : null;
  if (question === null) return { answer: withoutQuestion(id, RCODE.formatError) };
  const edns = additionals === 0 ? null : readEDNS(message.subarray(question.end));
  if (edns === undefined) return { answer: withoutQuestion(id, RCODE.formatError) };
  const recursionDesired = (flags & RECURSION_DESIRED) !== 0;
  return { query: { id, recursionDesired, question: question.question, edns } };
}

/** @returns null unless its bytes are the only ones that say what was read: no compression, no dot within a label */
function readQuestion(message: Buffer): { question: Question; end: number } | null {
  try {
    const alone = Buffer.from(message);
    alone.fill(0, 6, HEADER_BYTES);
    const [question] = decode(alone).questions ?? [];
    if (question === undefined) return null;
    const { name, type, class: ofClass = 'IN' } = question;
    const plain = { name, type, class: ofClass };
    const bytes = encode({ questions: [plain] }).subarray(HEADER_BYTES);
    const end = HEADER_BYTES + bytes.length;
    return bytes.equals(message.subarray(HEADER_BYTES, end)) ? { question: plain, end } : null;
  } catch {
    return null;
  }
}

/** The OPT record (RFC 6891 6.1.2), whose options nothing here depends on; undefined if it is none. */
function readEDNS(record: Buffer): Query['edns'] | undefined {
  if (record.length < 11 || record[0] !== 0 || record.readUInt16BE(1) !== OPT) return undefined;
  if (record.length < 11 + record.readUInt16BE(9)) return undefined;
  return { udpPayloadBytes: record.readUInt16BE(3), version: record[6] ?? 0 };
}

/** The answer to a question. Over UDP one that the client could not take is cut down, so that it asks again over TCP. */
export function encodeAnswer(
  query: Query,
  rcode: Rcode,
  answers: readonly Answer[],
  transport: 'udp' | 'tcp',
): Buffer {
  const supported = query.edns === null || query.edns.version === 0;
  const packet: Packet = {
    id: query.id,
    type: 'response',
    flags: flagsOf(query) | (supported ? rcode : RCODE.noError),
    questions: [query.question],
    answers: supported ? [...answers] : [],
    additionals: query.edns === null ? [] : [ednsAnswer(supported ? 0 : BADVERS_EXTENDED)],
  };
  const message = encode(packet);
  const limit = Math.max(PLAIN_UDP_BYTES, query.edns?.udpPayloadBytes ?? 0);
  if (transport === 'tcp' || message.length <= limit) return message;
  return encode({ ...packet, flags: (packet.flags ?? 0) | TRUNCATED, answers: [] });
}

const flagsOf = ({ recursionDesired }: Query): number =>
  RECURSION_AVAILABLE | (recursionDesired ? RECURSION_DESIRED : 0);

function ednsAnswer(extendedRcode: number): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_QUERY_BYTES,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** Without the question, which could not be read. */
function withoutQuestion(id: number, rcode: Rcode, opcode = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RESPONSE | (opcode << 11) | RECURSION_AVAILABLE | rcode, 2);
  return header;
}
