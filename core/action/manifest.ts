/** The apply-ready manifest of the grant that a refused call lacked: the answer to "what would allow this?". */

import { canonicalJson, type JsonValue, parseStrictJson } from '../text/json.ts';
import type { Action, ActionBody } from './action.ts';

export interface ManifestOptions {
  /** Namespace and ServiceAccount of the agent. */
  namespace: string;
  serviceAccountName: string;
  /** RFC 8785 text of the body, if it is JSON. */
  bodyJson?: string;
}

/** Longest JSON text the CRD takes. */
const JSON_LIMIT = 32_768;
/** Members whose values are likely secrets: such a body goes into a grant as its digest, never as text. */
const SECRET_MEMBER =
  /passw|pwd|passcode|passphrase|secret|token|credential|private|authorization|cookie|(?:api|access)[-_]?key/i;

/**
 * YAML for `kubectl create -f -`. It is written as YAML whose scalars are JSON strings, so hostile text in the call can
 * never become structure. What a person must fill in stands as an obvious placeholder.
 */
export function grantManifest(action: Action, options: ManifestOptions): string {
  const json = isSecretObject(action) ? undefined : options.bodyJson;
  const lines = [
    'apiVersion: actiongrant.dev/v1alpha1',
    'kind: ActionGrant',
    'metadata:',
    `  generateName: ${quote(`${options.serviceAccountName.slice(0, 40).replace(/[.-]+$/, '')}-`)}`,
    `  namespace: ${quote(options.namespace)}`,
    'spec:',
    '  agent:',
    `    serviceAccountName: ${quote(options.serviceAccountName)}`,
    '  action:',
    ...(action.type === 'HTTP' ? httpLines(action, json) : kubernetesLines(action, json)),
    ...credentialLines(action),
    '  approvedByRequester: true',
    '  justification: "REPLACE-ME: why the agent should do this"',
  ];
  return `${lines.join('\n')}\n`;
}

/** A credential is never sent in clear text, so a grant for `http:` must not have one. */
function credentialLines(action: Action): string[] {
  if (action.type === 'HTTP' && !action.url.startsWith('https:')) return [];
  return [
    '  credential:',
    '    type: ServiceAccountToken',
    '    serviceAccountToken:',
    '      serviceAccountName: "REPLACE-ME" # the ServiceAccount whose authority this one call gets',
    ...(action.type === 'HTTP' ? [`      audience: ${quote(origin(action.url))}`] : []),
  ];
}

function httpLines(action: Extract<Action, { type: 'HTTP' }>, json: string | undefined): string[] {
  return [
    '    type: HTTP',
    '    http:',
    `      method: ${quote(action.method)}`,
    `      url: ${quote(action.url)}`,
    ...mapLines('headers', action.headers),
    ...bodyLines(action.body, json),
  ];
}

function kubernetesLines(
  action: Extract<Action, { type: 'Kubernetes' }>,
  json: string | undefined,
): string[] {
  const fields = [
    'verb',
    'apiGroup',
    'version',
    'resource',
    'subresource',
    'namespace',
    'name',
  ] as const;
  return [
    '    type: Kubernetes',
    '    kubernetes:',
    ...fields
      .filter((field) => action[field] !== '')
      .map((field) => `      ${field}: ${quote(action[field])}`),
    ...(action.patchType === undefined ? [] : [`      patchType: ${action.patchType}`]),
    ...mapLines('queryParameters', action.queryParameters),
    ...bodyLines(action.body, json),
  ];
}

function mapLines(name: string, map: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(map);
  return entries.length === 0
    ? []
    : [
        `      ${name}:`,
        ...entries.map(([key, value]) => `        ${quote(key)}: ${quote(value)}`),
      ];
}

function bodyLines(body: ActionBody, json: string | undefined): string[] {
  switch (body.kind) {
    case 'none':
      return [];
    case 'unread':
      return ['      body:', '        type: Any'];
    case 'bytes':
      return json !== undefined &&
        json.length <= JSON_LIMIT &&
        !hasSecretMember(parseStrictJson(json))
        ? ['      body:', '        type: JSON', `        json: ${quote(json)}`]
        : ['      body:', '        type: SHA256', `        sha256: ${quote(body.sha256)}`];
  }
}

/** The data of a Secret object is secret whatever its members are called. */
function isSecretObject(action: Action): boolean {
  return (
    action.type === 'Kubernetes' &&
    action.apiGroup === '' &&
    action.resource === 'secrets' &&
    // The body of a deletion holds its options, not the object.
    !action.verb.startsWith('delete')
  );
}

function hasSecretMember(value: JsonValue): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some(hasSecretMember);
  return Object.entries(value).some(
    ([name, member]) => SECRET_MEMBER.test(name) || hasSecretMember(member),
  );
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2), and cannot be broken out of. */
function quote(value: string): string {
  // U+0085, U+2028 and U+2029 are line breaks to YAML 1.1 readers, and the rest beyond ASCII may be bidi controls. Past
  // U+FFFF YAML has \U: to kubectl's parser the surrogate pairs of JSON are invalid escapes.
  return canonicalJson(value).replace(/[^\x20-\x7e]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff
      ? `\\U${point.toString(16).padStart(8, '0')}`
      : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}

function origin(url: string): string {
  const end = url.indexOf('/', url.indexOf('//') + 2);
  return end === -1 ? url : url.slice(0, end);
}
