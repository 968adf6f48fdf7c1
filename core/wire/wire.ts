/**
 * The messages between sidecar and controller (`/v1/…`). Both ends parse strictly: an unknown or missing member is an
 * error that names it, never a default.
 */

import { type Action, parseAction } from '../action/action.ts';
import type { BodyForm } from '../action/body.ts';
import type { Outcome, Phase } from '../api/phase.ts';
import { isProblemCode, type ProblemCode } from '../api/problem.ts';
import { integer, malformed, oneOf, record, text, textMatching } from '../text/members.ts';

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
const ATTEMPTED = new RegExp(`^[ -~]{1,${MAX_ATTEMPTED_CHARACTERS}}$`);
const MAX_WAIT_MILLISECONDS = 60_000;

/** @throws ProblemError RequestMalformed, naming the member */
export function parseNonce(value: unknown, field = 'nonce'): string {
  return textMatching(value, field, UUID_V4, 'a lower-case UUID version 4');
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
    attempted: textMatching(
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
