/**
 * Protobuf without a schema, as far as people can read it: fields by their numbers, texts as they are. The encoding does not say
 * what is a text and what a message, so this is never compared.
 */

import type { JsonValue } from '../../core/text/json.ts';

/** k8s.io/apimachinery, pkg/runtime/serializer/protobuf: what stands before a `runtime.Unknown`. */
const KUBERNETES_MAGIC = Buffer.from('k8s\0', 'latin1');
const MAX_DEPTH = 24;
/** Values in one message. */
const MAX_VALUES = 2_000;

export interface KubernetesMessage {
  apiVersion: string;
  kind: string;
  /** Fields by number; entries of maps, and what looks like one, by their key. */
  object: JsonValue;
}

/** Undefined if it is none. */
export function readKubernetesProtobuf(bytes: Uint8Array): KubernetesMessage | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, 4).equals(KUBERNETES_MAGIC)) return undefined;
  const unknown = fieldsOf(buffer.subarray(4));
  const meta = bytesAt(unknown, 1);
  const type = meta === undefined ? undefined : fieldsOf(meta);
  const raw = bytesAt(unknown, 2);
  if (type === undefined || raw === undefined) return undefined;
  const left = { values: MAX_VALUES };
  return {
    apiVersion: bytesAt(type, 1)?.toString('utf8') ?? '',
    kind: bytesAt(type, 2)?.toString('utf8') ?? '',
    object: messageOf(raw, left, 0) ?? sizeOf(raw),
  };
}

interface Field {
  number: number;
  value: Buffer | number | bigint;
}

/** Undefined if the bytes are no message. */
function fieldsOf(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag >> 3n > 536_870_911n) return undefined;
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0: {
        const value = varint();
        if (value === undefined) return undefined;
        fields.push({ number, value });
        break;
      }
      case 1:
      case 5: {
        const size = (tag & 7n) === 1n ? 8 : 4;
        if (at + size > bytes.length) return undefined;
        fields.push({ number, value: bytes.subarray(at, at + size) });
        at += size;
        break;
      }
      case 2: {
        const size = varint();
        if (size === undefined || size > BigInt(bytes.length - at)) return undefined;
        fields.push({ number, value: bytes.subarray(at, at + Number(size)) });
        at += Number(size);
        break;
      }
      default:
        return undefined;
    }
    if (fields.length > MAX_VALUES) return undefined;
  }
  return fields;
}

function bytesAt(fields: readonly Field[] | undefined, number: number): Buffer | undefined {
  const value = fields?.find((field) => field.number === number)?.value;
  return Buffer.isBuffer(value) ? value : undefined;
}

function messageOf(bytes: Buffer, left: { values: number }, depth: number): JsonValue | undefined {
  const fields = depth > MAX_DEPTH ? undefined : fieldsOf(bytes);
  if (fields === undefined || fields.length === 0) return undefined;
  const object: Record<string, JsonValue> = Object.create(null);
  for (const { number, value } of fields) {
    if (--left.values < 0) break;
    const read = Buffer.isBuffer(value) ? contentOf(value, left, depth + 1) : Number(value);
    const before = object[number];
    object[number] =
      before === undefined ? read : Array.isArray(before) ? [...before, read] : [before, read];
  }
  return withEntryByKey(object);
}

/** An entry of a map has its key first and its value second, and so has an environment variable. */
function withEntryByKey(object: Record<string, JsonValue>): JsonValue {
  const { 1: key, 2: value, ...rest } = object;
  return typeof key === 'string' && value !== undefined && Object.keys(rest).length === 0
    ? { [key]: value }
    : object;
}

function contentOf(bytes: Buffer, left: { values: number }, depth: number): JsonValue {
  // The first field of a message, if it is one, looks like a line break.
  const message = bytes[0] === 0x0a ? messageOf(bytes, left, depth) : undefined;
  return message ?? textOf(bytes) ?? messageOf(bytes, left, depth) ?? sizeOf(bytes);
}

function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/.test(text) ? undefined : text;
}

function sizeOf(bytes: Buffer): string {
  return `(${bytes.length} bytes)`;
}
