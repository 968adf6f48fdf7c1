/** The body of a call, which every type of action has alike: what is known of it, and how a grant states it. */

import type { GrantBody } from '../api/generated/actiongrant.ts';
import { canonicalJson, JsonError, type JsonValue, parseStrictJson } from '../text/json.ts';
import { oneOf, record, textMatching } from '../text/members.ts';
import { sha256Hex } from '../text/sha256.ts';
import { invalid, present } from './grant-field.ts';

/** What is known of a call's body. */
export type ActionBody =
  | { kind: 'none' }
  /**
   * `sha256`: of the raw bytes, hex. `jsonSha256`: of the canonical bytes, if there are any: RFC 8785 when the content type says
   * JSON, and of a multipart body those with the one boundary (core/text/multipart.ts).
   */
  | { kind: 'bytes'; sha256: string; jsonSha256?: string }
  /** Larger than the buffering limit, so not read: only `Any` can match. */
  | { kind: 'unread' };

/** How the body takes part in the match: as canonical JSON, by raw bytes, not at all (`Any`), or there is none. */
export type BodyForm = 'None' | 'JSON' | 'SHA256' | 'Any';

/** A body as a grant states it; `sha256` (hex) is of the RFC 8785 bytes for JSON and of the raw bytes for SHA256. */
export type BodyPattern =
  | { form: 'None' }
  | { form: 'JSON'; sha256: string }
  | { form: 'SHA256'; sha256: string }
  | { form: 'Any' };

const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** Its wire form. @throws ProblemError RequestMalformed, naming the member */
export function parseActionBody(value: unknown): ActionBody {
  const field = 'action.body';
  const kind = oneOf(record(value, field, ['kind'], null)['kind'], `${field}.kind`, [
    'none',
    'bytes',
    'unread',
  ] as const);
  if (kind !== 'bytes') {
    record(value, field, ['kind']);
    return { kind };
  }
  const o = record(value, field, ['kind', 'sha256'], ['jsonSha256']);
  const digest = (name: string): string =>
    textMatching(o[name], `${field}.${name}`, HEX_SHA256, '64 lower-case hex digits');
  return {
    kind,
    sha256: digest('sha256'),
    ...(o['jsonSha256'] === undefined ? {} : { jsonSha256: digest('jsonSha256') }),
  };
}

/** A way to state a body in a grant. */
export interface StatedBody {
  pattern: BodyPattern;
  /** What is sent then: for `JSON` the canonical bytes, which were compared. */
  form: BodyForm;
}

/** The ways to state this body in a grant, the most specific first. */
export function waysToState(body: ActionBody): StatedBody[] {
  switch (body.kind) {
    case 'none':
      return [as({ form: 'None' })];
    case 'unread':
      return [as({ form: 'Any' })];
    case 'bytes': {
      const { sha256, jsonSha256 } = body;
      return [
        ...(jsonSha256 === undefined ? [] : [as({ form: 'JSON', sha256: jsonSha256 })]),
        as({ form: 'SHA256', sha256 }),
        // In a grant that must not have the text itself, the order of members does not matter either.
        ...(jsonSha256 === undefined || jsonSha256 === sha256
          ? []
          : [as({ form: 'SHA256', sha256: jsonSha256 }, 'JSON')]),
        as({ form: 'Any' }),
      ];
    }
  }
}

function as(pattern: BodyPattern, form: BodyForm = pattern.form): StatedBody {
  return { pattern, form };
}

/**
 * How a grant states the body. JSON text is parsed strictly, so that admission refuses what could be read in two ways.
 * @throws ProblemError GrantInvalid
 */
export function statedBody(body: GrantBody | undefined, field: string): BodyPattern {
  if (body === undefined) return { form: 'None' };
  switch (body.type) {
    case 'JSON':
      return {
        form: 'JSON',
        sha256: sha256Hex(canonicalJson(grantJson(present(body.json, `${field}.json`), field))),
      };
    case 'SHA256':
      return { form: 'SHA256', sha256: present(body.sha256, `${field}.sha256`) };
    case 'Any':
      return { form: 'Any' };
  }
}

function grantJson(text: string, field: string): JsonValue {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw invalid(`${field}.json`, error.message);
    throw error;
  }
}
