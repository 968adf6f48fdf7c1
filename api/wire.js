/**
 * The messages between sidecar and controller (`/v1/uses`). Both ends parse strictly: an unknown or missing member is an
 * error that names it, never a default.
 */
import { ProblemError } from './problem.js';
import { printable } from './url.js';
export const USES_PATH = '/v1/uses';
/** Discovery documents of the API server, by query parameter `path`. */
export const DISCOVERY_PATH = '/v1/discovery';
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HEX_SHA256 = /^[0-9a-f]{64}$/;
const MAX_WAIT_MILLISECONDS = 60_000;
/** @throws ProblemError RequestMalformed, naming the member */
export function parseNonce(value, field = 'nonce') {
  return stringMatching(value, field, UUID_V4, 'a lower-case UUID version 4');
}
/** @throws ProblemError RequestMalformed, naming the member */
export function parseUseRequest(value) {
  const o = record(value, 'body', ['nonce', 'action', 'waitMilliseconds']);
  return {
    nonce: parseNonce(o['nonce']),
    action: parseAction(o['action']),
    waitMilliseconds: integer(o['waitMilliseconds'], 'waitMilliseconds', 1, MAX_WAIT_MILLISECONDS),
  };
}
/** @throws ProblemError RequestMalformed, naming the member */
export function parseFinishRequest(value) {
  const o = record(value, 'body', ['outcome'], ['grant', 'responseCode', 'credentialToken']);
  const outcome = oneOf(o['outcome'], 'outcome', [
    'NotDispatched',
    'Succeeded',
    'Failed',
    'Unknown',
  ]);
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
export function parseUseAnswer(value) {
  const o = record(
    value,
    'body',
    ['nonce', 'grant', 'bodyForm', 'timeoutMilliseconds'],
    ['credential'],
  );
  const answer = {
    nonce: parseNonce(o['nonce']),
    grant: parseGrantReference(o['grant']),
    bodyForm: oneOf(o['bodyForm'], 'bodyForm', ['None', 'JSON', 'SHA256', 'Any']),
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
function parseGrantReference(value) {
  const o = record(value, 'grant', ['namespace', 'name', 'uid']);
  return {
    namespace: text(o['namespace'], 'grant.namespace', 63),
    name: text(o['name'], 'grant.name', 253),
    uid: text(o['uid'], 'grant.uid', 64),
  };
}
function parseAction(value) {
  const type = record(value, 'action', ['type'], null)['type'];
  switch (oneOf(type, 'action.type', ['HTTP', 'Kubernetes'])) {
    case 'HTTP':
      return parseHttpAction(value);
    case 'Kubernetes':
      return parseKubernetesAction(value);
  }
}
function parseHttpAction(value) {
  const o = record(value, 'action', ['type', 'method', 'url', 'headers', 'body']);
  return {
    type: 'HTTP',
    method: text(o['method'], 'action.method', 32),
    url: text(o['url'], 'action.url', 8192),
    headers: stringMap(o['headers'], 'action.headers', 64, 8192),
    body: parseActionBody(o['body']),
  };
}
function parseKubernetesAction(value) {
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
  const field = (name) => text(o[name], `action.${name}`, 253, true);
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
          patchType: oneOf(o['patchType'], 'action.patchType', ['JSON', 'Merge', 'StrategicMerge']),
        }),
    queryParameters: stringMap(o['queryParameters'], 'action.queryParameters', 64, 4096),
    body: parseActionBody(o['body']),
  };
}
function parseActionBody(value) {
  const field = 'action.body';
  const kind = oneOf(record(value, field, ['kind'], null)['kind'], `${field}.kind`, [
    'none',
    'bytes',
    'unread',
  ]);
  if (kind !== 'bytes') {
    record(value, field, ['kind']);
    return { kind };
  }
  const o = record(value, field, ['kind', 'sha256'], ['jsonSha256']);
  const digest = (name) =>
    stringMatching(o[name], `${field}.${name}`, HEX_SHA256, '64 lower-case hex digits');
  return {
    kind,
    sha256: digest('sha256'),
    ...(o['jsonSha256'] === undefined ? {} : { jsonSha256: digest('jsonSha256') }),
  };
}
/** An object with these members and no other; `optional: null` lets any other member be. */
function record(value, field, required, optional = []) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(field, 'must be a JSON object');
  }
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
function text(value, field, limit, mayBeEmpty = false) {
  if (typeof value !== 'string') throw malformed(field, 'must be a string');
  if (value === '' && !mayBeEmpty) throw malformed(field, 'must not be empty');
  if (value.length > limit) throw malformed(field, `must have at most ${limit} characters`);
  return value;
}
function stringMatching(value, field, pattern, what) {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw malformed(field, `must be ${what}`);
  }
  return value;
}
function integer(value, field, min, max) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw malformed(field, `must be an integer from ${min} to ${max}`);
  }
  return value;
}
function oneOf(value, field, values) {
  const found = values.find((v) => v === value);
  if (found === undefined) throw malformed(field, `must be one of ${values.join(', ')}`);
  return found;
}
function stringMap(value, field, limit, valueLimit) {
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
function malformed(field, reason) {
  return new ProblemError('RequestMalformed', `${field} ${reason}.`, { field });
}
