/**
 * The messages between sidecar and controller (`/v1/…`). Both ends parse strictly: an unknown or missing member is an
 * error that names it, never a default.
 */

import type { Action, ActionBody, HttpAction, KubernetesAction } from '../action/action.ts';
import type { BodyForm } from '../action/digest.ts';
import type { Outcome, Phase } from '../api/phase.ts';
import { isProblemCode, type ProblemCode, ProblemError } from '../api/problem.ts';
import { isRecord } from '../text/json.ts';
import { printable } from '../text/url.ts';

export const USES_PATH = '/v1/uses';
/** Discovery documents of the API server, by query parameter `path`. */
export const DISCOVERY_PATH = '/v1/discovery';
/** What a sidecar refused, for Events on its pod. */
export const REFUSALS_PATH = '/v1/refusals';
/** Refusals of different kinds that one report may hold. */
export const MAX_REFUSALS_REPORTED = 16;
/** How many refusals of one kind one report may count. */
export const MAX_REFUSAL_COUNT = 1_000_000;
export const MAX_ATTEMPTED_CHARACTERS = 160;

/** Names a grant, by UID as well: a grant re-created under its name is another one. */
export interface GrantReference {
  namespace: string;
  name: string;
  uid: string;
}

/** Asks for one use. One nonce per call; a repeated nonce never gets a credential. */
export interface UseRequest {
  /** UUID version 4, made by the sidecar, kept in its memory only. */
  nonce: string;
  action: Action;
  /** How long the sidecar will wait for the answer, in ms: nothing is consumed after that. */
  waitMilliseconds: number;
}

/** The grant was consumed for this call. */
export interface UseAnswer {
  nonce: string;
  grant: GrantReference;
  /** How the grant states the body: for `JSON` the canonical bytes are what must be sent. */
  bodyForm: BodyForm;
  /** How long the use may take, in ms from the moment the sidecar sent its request. */
  timeoutMilliseconds: number;
  /** Absent if the grant has no credential. */
  credential?: { token: string; expirationTime: string };
}

/** Reports the end of a use. */
export interface FinishRequest {
  /** Absent if the sidecar never got the answer to its use request. */
  grant?: GrantReference;
  outcome: Outcome;
  /** HTTP status of the upstream's response. */
  responseCode?: number;
  /** The token of the use: lets the replica that handles this confirm by TokenReview that it is refused. */
  credentialToken?: string;
}

export interface FinishAnswer {
  phase: Phase;
  outcome?: Outcome;
}

/** What a sidecar refused since its last report. The controller makes Events on the pod of it. */
export interface RefusalReport {
  refusals: readonly ReportedRefusal[];
}

export interface ReportedRefusal {
  code: ProblemCode;
  /** What was tried, printable ASCII, at most `MAX_ATTEMPTED_CHARACTERS`: the agent's words. Never a query, a header or a body. */
  attempted: string;
  /** How often since the last report. */
  count: number;
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HEX_SHA256 = /^[0-9a-f]{64}$/;
const ATTEMPTED = new RegExp(`^[ -~]{1,${MAX_ATTEMPTED_CHARACTERS}}$`);
const MAX_WAIT_MILLISECONDS = 60_000;

/** @throws ProblemError RequestMalformed, naming the member */
export function parseNonce(value: unknown, field = 'nonce'): string {
  return stringMatching(value, field, UUID_V4, 'a lower-case UUID version 4');
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseUseRequest(value: unknown): UseRequest {
  const o = record(value, 'body', ['nonce', 'action', 'waitMilliseconds']);
  return {
    nonce: parseNonce(o['nonce']),
    action: parseAction(o['action']),
    waitMilliseconds: integer(o['waitMilliseconds'], 'waitMilliseconds', 1, MAX_WAIT_MILLISECONDS),
  };
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseFinishRequest(value: unknown): FinishRequest {
  const o = record(value, 'body', ['outcome'], ['grant', 'responseCode', 'credentialToken']);
  const outcome = oneOf(o['outcome'], 'outcome', [
    'NotDispatched',
    'Succeeded',
    'Failed',
    'Unknown',
  ] as const);
  return {
    outcome,
    ...(o['grant'] === undefined ? {} : { grant: parseGrantReference(o['grant']) }),
    ...(o['responseCode'] === undefined
      ? {}
      : { responseCode: integer(o['responseCode'], 'responseCode', 100, 599) }),
    ...(o['credentialToken'] === undefined
      ? {}
      : { credentialToken: text(o['credentialToken'], 'credentialToken', 16384) }),
  };
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseUseAnswer(value: unknown): UseAnswer {
  const o = record(
    value,
    'body',
    ['nonce', 'grant', 'bodyForm', 'timeoutMilliseconds'],
    ['credential'],
  );
  const answer: UseAnswer = {
    nonce: parseNonce(o['nonce']),
    grant: parseGrantReference(o['grant']),
    bodyForm: oneOf(o['bodyForm'], 'bodyForm', ['None', 'JSON', 'SHA256', 'Any'] as const),
    timeoutMilliseconds: integer(o['timeoutMilliseconds'], 'timeoutMilliseconds', 1, 570_000),
  };
  if (o['credential'] === undefined) return answer;
  const c = record(o['credential'], 'credential', ['token', 'expirationTime']);
  return {
    ...answer,
    credential: {
      token: text(c['token'], 'credential.token', 16384),
      expirationTime: text(c['expirationTime'], 'credential.expirationTime', 64),
    },
  };
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseRefusalReport(value: unknown): RefusalReport {
  const { refusals } = record(value, 'body', ['refusals']) as { refusals: unknown };
  if (
    !Array.isArray(refusals) ||
    refusals.length === 0 ||
    refusals.length > MAX_REFUSALS_REPORTED
  ) {
    throw malformed('refusals', `must be a list of 1 to ${MAX_REFUSALS_REPORTED} objects`);
  }
  return {
    refusals: refusals.map((item, index) => parseReportedRefusal(item, `refusals[${index}]`)),
  };
}

function parseReportedRefusal(value: unknown, field: string): ReportedRefusal {
  const o = record(value, field, ['code', 'attempted', 'count']);
  if (!isProblemCode(o['code'])) throw malformed(`${field}.code`, 'must be a problem code');
  return {
    code: o['code'],
    attempted: stringMatching(
      o['attempted'],
      `${field}.attempted`,
      ATTEMPTED,
      `1 to ${MAX_ATTEMPTED_CHARACTERS} printable ASCII characters`,
    ),
    count: integer(o['count'], `${field}.count`, 1, MAX_REFUSAL_COUNT),
  };
}

function parseGrantReference(value: unknown): GrantReference {
  const o = record(value, 'grant', ['namespace', 'name', 'uid']);
  return {
    namespace: text(o['namespace'], 'grant.namespace', 63),
    name: text(o['name'], 'grant.name', 253),
    uid: text(o['uid'], 'grant.uid', 64),
  };
}

function parseAction(value: unknown): Action {
  const type = record(value, 'action', ['type'], null)['type'];
  switch (oneOf(type, 'action.type', ['HTTP', 'Kubernetes'] as const)) {
    case 'HTTP':
      return parseHttpAction(value);
    case 'Kubernetes':
      return parseKubernetesAction(value);
  }
}

function parseHttpAction(value: unknown): HttpAction {
  const o = record(value, 'action', ['type', 'method', 'url', 'headers', 'body']);
  return {
    type: 'HTTP',
    method: text(o['method'], 'action.method', 32),
    url: text(o['url'], 'action.url', 8192),
    headers: stringMap(o['headers'], 'action.headers', 64, 8192),
    body: parseActionBody(o['body']),
  };
}

function parseKubernetesAction(value: unknown): KubernetesAction {
  const o = record(
    value,
    'action',
    [
      'type',
      'verb',
      'apiGroup',
      'version',
      'resource',
      'subresource',
      'namespace',
      'name',
      'queryParameters',
      'body',
    ],
    ['patchType'],
  );
  const field = (name: string): string => text(o[name], `action.${name}`, 253, true);
  return {
    type: 'Kubernetes',
    verb: field('verb'),
    apiGroup: field('apiGroup'),
    version: field('version'),
    resource: field('resource'),
    subresource: field('subresource'),
    namespace: field('namespace'),
    name: field('name'),
    ...(o['patchType'] === undefined
      ? {}
      : {
          patchType: oneOf(o['patchType'], 'action.patchType', [
            'JSON',
            'Merge',
            'StrategicMerge',
          ] as const),
        }),
    queryParameters: stringMap(o['queryParameters'], 'action.queryParameters', 64, 4096),
    body: parseActionBody(o['body']),
  };
}

function parseActionBody(value: unknown): ActionBody {
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
    stringMatching(o[name], `${field}.${name}`, HEX_SHA256, '64 lower-case hex digits');
  return {
    kind,
    sha256: digest('sha256'),
    ...(o['jsonSha256'] === undefined ? {} : { jsonSha256: digest('jsonSha256') }),
  };
}

/** An object with these members and no other; `optional: null` lets any other member be. */
function record(
  value: unknown,
  field: string,
  required: readonly string[],
  optional: readonly string[] | null = [],
): Record<string, unknown> {
  if (!isRecord(value)) throw malformed(field, 'must be a JSON object');
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw malformed(`${field}.${name}`, 'is missing');
  }
  if (optional !== null) {
    for (const name of Object.keys(value)) {
      if (!required.includes(name) && !optional.includes(name)) {
        throw malformed(`${field}.${printable(name, 60)}`, 'is not a known member');
      }
    }
  }
  return value;
}

function text(value: unknown, field: string, limit: number, mayBeEmpty = false): string {
  if (typeof value !== 'string') throw malformed(field, 'must be a string');
  if (value === '' && !mayBeEmpty) throw malformed(field, 'must not be empty');
  if (value.length > limit) throw malformed(field, `must have at most ${limit} characters`);
  return value;
}

function stringMatching(value: unknown, field: string, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw malformed(field, `must be ${what}`);
  }
  return value;
}

function integer(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw malformed(field, `must be an integer from ${min} to ${max}`);
  }
  return value;
}

function oneOf<T extends string>(value: unknown, field: string, values: readonly T[]): T {
  const found = values.find((v) => v === value);
  if (found === undefined) throw malformed(field, `must be one of ${values.join(', ')}`);
  return found;
}

function stringMap(
  value: unknown,
  field: string,
  limit: number,
  valueLimit: number,
): Record<string, string> {
  const o = record(value, field, [], null);
  const entries = Object.entries(o);
  if (entries.length > limit) throw malformed(field, `must have at most ${limit} members`);
  return Object.fromEntries(
    entries.map(([name, v]) => [
      name,
      text(v, `${field}.${printable(name, 60)}`, valueLimit, true),
    ]),
  );
}

function malformed(field: string, reason: string): ProblemError {
  return new ProblemError('RequestMalformed', `${field} ${reason}.`, { field });
}
