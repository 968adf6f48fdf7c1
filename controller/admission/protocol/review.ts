/** AdmissionReview (admission.k8s.io/v1): what the API server asks, and how it is answered. */

import { PROBLEMS, ProblemError } from '../../../core/api/problem.ts';
import { isRecord } from '../../../core/text/json.ts';

/** Who made the request, as the API server authenticated it. */
export interface RequestUser {
  username: string;
  uid?: string;
  groups: string[];
  extra: Record<string, string[]>;
}

/** The part of an AdmissionReview's request that our webhooks use. */
export interface AdmissionRequest {
  uid: string;
  operation: string;
  /** The group and plural name that the webhook was registered for. */
  resource: { group: string; resource: string };
  /** '' for the resource itself. */
  subresource: string;
  namespace: string;
  user: RequestUser;
  /** The object as it would be stored, not yet trusted to have any shape. */
  object: Readonly<Record<string, unknown>>;
}

/** RFC 6902. */
export type JsonPatchOperation =
  | { op: 'add'; path: string; value: unknown }
  | { op: 'remove'; path: string };

export type AdmissionAnswer =
  | { allowed: true; patch?: readonly JsonPatchOperation[] }
  | { allowed: false; problem: ProblemError };

const API_VERSION = 'admission.k8s.io/v1';
const KIND = 'AdmissionReview';

/** Reads a review. @throws ProblemError RequestMalformed, naming the member */
export function parseAdmissionReview(value: unknown): AdmissionRequest {
  const review = record(value, 'body');
  if (review['apiVersion'] !== API_VERSION || review['kind'] !== KIND) {
    throw malformed('apiVersion and kind', `must be ${API_VERSION} and ${KIND}`);
  }
  const request = record(review['request'], 'request');
  const resource = record(request['resource'], 'request.resource');
  return {
    uid: text(request['uid'], 'request.uid'),
    operation: text(request['operation'], 'request.operation'),
    resource: {
      // Of the core group: ''.
      group: optionalText(resource['group'], 'request.resource.group') ?? '',
      resource: text(resource['resource'], 'request.resource.resource'),
    },
    subresource: optionalText(request['subResource'], 'request.subResource') ?? '',
    namespace: text(request['namespace'], 'request.namespace'),
    user: user(request['userInfo']),
    object: record(request['object'], 'request.object'),
  };
}

/** The answer as the API server wants it: it refuses one that does not repeat the request's uid. */
export function formatAdmissionReview(request: AdmissionRequest, answer: AdmissionAnswer): unknown {
  const { uid } = request;
  return { apiVersion: API_VERSION, kind: KIND, response: { uid, ...response(request, answer) } };
}

function response(request: AdmissionRequest, answer: AdmissionAnswer): object {
  if (!answer.allowed) return { allowed: false, status: status(request, answer.problem) };
  if (answer.patch === undefined || answer.patch.length === 0) return { allowed: true };
  const patch = Buffer.from(JSON.stringify(answer.patch), 'utf8').toString('base64');
  return { allowed: true, patchType: 'JSONPatch', patch };
}

/**
 * The Status that the requester's client gets. Of an Invalid one kubectl prints the causes, as it does for what the schema
 * refuses; of every other, the message.
 */
function status({ object, resource }: AdmissionRequest, problem: ProblemError): object {
  const { status: code } = PROBLEMS[problem.code];
  const { field, detail } = problem;
  const metadata = record(object['metadata'] ?? {}, 'request.object.metadata');
  const cause = {
    reason: problem.code,
    message:
      field !== undefined && detail.startsWith(`${field}: `)
        ? detail.slice(field.length + 2)
        : detail,
    ...(field === undefined ? {} : { field }),
  };
  return {
    status: 'Failure',
    code,
    reason: REASONS[code] ?? 'InternalError',
    message: detail,
    details: {
      group: resource.group,
      kind: text(object['kind'], 'request.object.kind'),
      name: optionalText(metadata['name'], 'request.object.metadata.name'),
      causes: [cause],
    },
  };
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  422: 'Invalid',
  503: 'ServiceUnavailable',
};

function user(value: unknown): RequestUser {
  const info = record(value, 'request.userInfo');
  const uid = optionalText(info['uid'], 'request.userInfo.uid');
  return {
    username: text(info['username'], 'request.userInfo.username'),
    ...(uid === undefined ? {} : { uid }),
    groups: textList(info['groups'], 'request.userInfo.groups'),
    extra: Object.fromEntries(
      Object.entries(record(info['extra'] ?? {}, 'request.userInfo.extra')).map(([key, list]) => [
        key,
        textList(list, `request.userInfo.extra[${key}]`),
      ]),
    ),
  };
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (!isRecord(value)) throw malformed(field, 'must be an object');
  return value;
}

function text(value: unknown, field: string): string {
  const found = optionalText(value, field);
  if (found === undefined) throw malformed(field, 'must be a string that is not empty');
  return found;
}

function optionalText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw malformed(field, 'must be a string');
  return value;
}

function textList(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw malformed(field, 'must be a list of strings');
  }
  return value;
}

function malformed(field: string, reason: string): ProblemError {
  return new ProblemError('RequestMalformed', `${field} ${reason}.`, { field });
}
