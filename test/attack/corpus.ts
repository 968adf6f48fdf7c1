/** Reads the attack corpus (see README.md). */

import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { isProblemCode, type ProblemCode } from '../../core/api/problem.ts';

const FOLDER = new URL('./corpus/', import.meta.url);

export interface Case {
  /** File name without its ending. */
  theme: string;
  name: string;
  /** HTTP/1 bytes, or an HTTP/2 request. */
  request:
    | { version: 1; bytes: Buffer }
    | { version: 2; headers: [string, string][]; data?: Buffer; trailers?: [string, string][] };
  /** Null: straight to the proxy. */
  connect: string | null;
  /** False: a ClientHello without one. */
  sni: string | false;
  /** Who turns the request down, if anyone does. */
  by: 'parser' | 'describe' | 'forward';
  expected: { refused: ProblemCode } | { accepted: string };
}

/** The cases of one theme, or of all. @throws Error for a file that is not as README.md says */
export function loadCorpus(theme?: string): Case[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .filter((file) => theme === undefined || file === `${theme}.yaml`)
    .flatMap((file) => {
      const entries: unknown = parse(readFileSync(new URL(file, FOLDER), 'utf8'));
      if (!Array.isArray(entries)) throw new Error(`${file}: not a list`);
      return entries.map((entry, index) => readCase(file, index, entry));
    });
}

const FIELDS = new Set([
  'name',
  'why',
  'request',
  'h2',
  'data',
  'trailers',
  'connect',
  'sni',
  'by',
  'refused',
  'accepted',
]);

function readCase(file: string, index: number, entry: unknown): Case {
  const where = `${file}, case ${index + 1}`;
  if (typeof entry !== 'object' || entry === null) throw new Error(`${where}: not a mapping`);
  const fields = new Map<string, unknown>(Object.entries(entry));
  for (const field of fields.keys()) {
    if (!FIELDS.has(field)) throw new Error(`${where}: unknown field ${field}`);
  }
  const text = (field: string): string | undefined => {
    const value = fields.get(field);
    if (value !== undefined && typeof value !== 'string') throw new Error(`${where}: ${field}`);
    return value;
  };
  const name = text('name');
  if (name === undefined) throw new Error(`${where}: no name`);
  const connect = text('connect') ?? 'edr.example.com:443';
  const sni = text('sni') ?? connect.replace(/:[0-9]*$/, '');
  return {
    theme: file.replace(/\.yaml$/, ''),
    name,
    request: readRequest(where, text('request'), fields, text('data')),
    connect: connect === 'none' ? null : connect,
    sni: sni === 'none' || connect === 'none' ? false : sni,
    by: readStage(where, text('by')),
    expected: readExpectation(where, text('refused'), text('accepted')),
  };
}

function readRequest(
  where: string,
  bytes: string | undefined,
  fields: ReadonlyMap<string, unknown>,
  data: string | undefined,
): Case['request'] {
  const headers = fields.get('h2');
  if ((bytes === undefined) === (headers === undefined)) {
    throw new Error(`${where}: either request or h2`);
  }
  if (bytes !== undefined) return { version: 1, bytes: Buffer.from(bytes, 'latin1') };
  const trailers = fields.get('trailers');
  return {
    version: 2,
    headers: readPairs(where, headers),
    ...(data === undefined ? {} : { data: Buffer.from(data, 'latin1') }),
    ...(trailers === undefined ? {} : { trailers: readPairs(where, trailers) }),
  };
}

function readPairs(where: string, value: unknown): [string, string][] {
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  if (!Array.isArray(value) || !value.every(isPair)) throw new Error(`${where}: not pairs of text`);
  return value;
}

function readStage(where: string, by: string | undefined): Case['by'] {
  if (by === undefined) return 'describe';
  if (by !== 'parser' && by !== 'forward') throw new Error(`${where}: by is parser or forward`);
  return by;
}

function readExpectation(
  where: string,
  refused: string | undefined,
  accepted: string | undefined,
): Case['expected'] {
  if (refused !== undefined && accepted === undefined && isProblemCode(refused)) return { refused };
  if (accepted !== undefined && refused === undefined) return { accepted };
  throw new Error(`${where}: either refused with a problem code, or accepted`);
}
