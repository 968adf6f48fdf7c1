/**
 * What a body is, for who decides on a grant that states it by its digest: its media type and size, and what is in it, as far as
 * that can be read and is no secret. It is shown beside the digest, and never compared.
 */

import type { Action } from '../../core/action/action.ts';
import { actionType } from '../../core/action/action.ts';
import type { BodyAccount } from '../../core/action/manifest.ts';
import { canonicalJson, isRecord, type JsonValue, parseStrictJson } from '../../core/text/json.ts';
import {
  beginningWithoutSecrets,
  formWithoutSecrets,
  textWithoutSecrets,
} from '../../core/text/secret-json.ts';
import { withoutTokens } from '../../core/text/secret-text.ts';
import { printable } from '../../core/text/url.ts';
import type { UpstreamHead } from './description.ts';
import { readKubernetesProtobuf } from './protobuf.ts';

const TYPE_CHARACTERS = 100;
/** Of a body that is a text. */
const TEXT_BYTES = 2_048;
/** Of one that is JSON or the like: more than a manifest shows, which says with its last dots that there is more. */
const VALUE_CHARACTERS = 8_192;
/** In which the parts of a form are looked for. */
const FORM_BYTES = 65_536;

/**
 * @param body its bytes; null if it is too large to be read
 * @param bodyJson RFC 8785 text, if it has one
 */
export function bodyAccount(
  action: Action,
  { headers }: Pick<UpstreamHead, 'headers'>,
  body: Uint8Array | null,
  bodyJson: string | undefined,
): BodyAccount {
  const header = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1];
  const type = header('content-type') ?? 'no content type';
  const encoding = header('content-encoding');
  const isInParts = /^multipart\//i.test(type) && hasCanonicalForm(action);
  const kind = [
    printable(isInParts ? withoutParameters(type) : type, TYPE_CHARACTERS),
    ...(encoding === undefined ? [] : [printable(encoding, TYPE_CHARACTERS)]),
    body === null ? 'over 1 MiB' : `${body.length} bytes`,
    ...(bodyJson === undefined ? [] : ['in canonical JSON (RFC 8785)']),
    ...(isInParts ? ['whatever its boundary'] : []),
  ].join(', ');
  if (body === null || encoding !== undefined) return { kind, contents: [] };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isSecret = actionType(action).bodyIsSecret(action);
  if (bodyJson !== undefined) {
    return { kind, contents: [shownJson(parseStrictJson(bodyJson), isSecret)] };
  }
  return {
    kind,
    contents: contentsOf(withoutParameters(type).toLowerCase(), bytes, isSecret),
  };
}

function withoutParameters(type: string): string {
  return type.replace(/;.*$/s, '').trim();
}

/** Whether the digest that a grant states is one of other bytes than those that came. */
function hasCanonicalForm({ body }: Action): boolean {
  return body.kind === 'bytes' && body.jsonSha256 !== undefined;
}

function contentsOf(type: string, bytes: Buffer, isSecret: boolean): string[] {
  if (type === 'application/vnd.kubernetes.protobuf') {
    const message = readKubernetesProtobuf(bytes);
    if (message === undefined) return [];
    const { apiVersion, kind, object } = message;
    // Of a Secret the metadata, which are the first field of every object.
    const shown = isSecret || kind === 'Secret' ? firstOf(object) : object;
    return [`${apiVersion} ${kind}, fields by number:`, beginningOf(shown)];
  }
  if (isSecret) return [];
  if (type === 'application/x-www-form-urlencoded') {
    const text = bytes.subarray(0, TEXT_BYTES).toString('latin1');
    return [formWithoutSecrets(withoutCutPair(text, bytes.length > TEXT_BYTES))];
  }
  if (type.startsWith('multipart/')) return partsOf(bytes);
  if (!/^text\/|[/+](?:json|xml|yaml|x-yaml|x-ndjson|graphql|toml|javascript)$/.test(type))
    return [];
  const text = bytes.subarray(0, TEXT_BYTES).toString('utf8');
  const whole = bytes.length > TEXT_BYTES ? `${text.slice(0, text.search(/\S*$/))}...` : text;
  return [textWithoutSecrets(whole).trim()];
}

/** What was cut may be a part of a secret, and nothing tells any more what it is. */
function withoutCutPair(text: string, isCut: boolean): string {
  return isCut ? `${text.slice(0, text.lastIndexOf('&') + 1)}...` : text;
}

/** The names of the parts of a form (RFC 7578), and of the files in it. */
function partsOf(bytes: Buffer): string[] {
  const text = bytes.subarray(0, FORM_BYTES).toString('latin1');
  const parts = [
    ...text.matchAll(
      /^content-disposition: *form-data; *name="([^"\r\n]{1,100})"(?:; *filename="([^"\r\n]{1,200})")?/gim,
    ),
  ];
  const names = parts.map(([, name, file]) => (file === undefined ? name : `${name} (${file})`));
  return names.length === 0 ? [] : [`parts: ${withoutTokens(names.slice(0, 32).join(', '))}`];
}

function shownJson(value: JsonValue, isSecret: boolean): string {
  return beginningOf(isSecret ? asSecretObject(value) : value);
}

function beginningOf(value: JsonValue): string {
  const { shown, isWhole } = beginningWithoutSecrets(value, VALUE_CHARACTERS);
  const text = canonicalJson(shown);
  return isWhole ? text : `${text}...`;
}

/** Of a Secret, whatever its members are called. A patch of type JSON says where it writes, and the rest is secret. */
function asSecretObject(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value.map((step) =>
      isRecord(step) ? { op: step['op'] ?? null, path: step['path'] ?? null } : null,
    ) as JsonValue[];
  }
  return isRecord(value) ? { ...(value as Record<string, JsonValue>), kind: 'Secret' } : null;
}

function firstOf(object: JsonValue): JsonValue {
  return isRecord(object) ? { 1: (object['1'] as JsonValue | undefined) ?? null } : null;
}
