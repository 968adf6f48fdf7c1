/** The apply-ready manifest of the grant that a refused call lacked: the answer to "what would allow this?". */

import type { Action, ActionBody } from './action.ts';
import { canonicalJson } from './json.ts';

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
const SECRET_MEMBER = /"[^"]*(?:passw|passphrase|secret|token|credential|private|api[-_]?key)[^"]*"\s*:/i;

/**
 * YAML for `kubectl create -f -`. It is written as YAML whose scalars are JSON strings, so hostile text in the call can
 * never become structure. What a person must fill in stands as an obvious placeholder.
 */
export function grantManifest(action: Action, options: ManifestOptions): string {
  const lines = [
    'apiVersion: actiongrant.dev/v1alpha1',
    'kind: ActionGrant',
    'metadata:',
    `  generateName: ${quote(`${options.serviceAccountName.slice(0, 40)}-`)}`,
    `  namespace: ${quote(options.namespace)}`,
    'spec:',
    '  agent:',
    `    serviceAccountName: ${quote(options.serviceAccountName)}`,
    '  action:',
    ...(action.type === 'HTTP' ? httpLines(action, options) : kubernetesLines(action, options)),
    '  credential:',
    '    type: ServiceAccountToken',
    '    serviceAccountToken:',
    '      serviceAccountName: "REPLACE-ME" # the ServiceAccount whose authority this one call gets',
    ...(action.type === 'HTTP' ? [`      audience: ${quote(origin(action.url))}`] : []),
    '  approvedByRequester: true',
    '  justification: "REPLACE-ME: why the agent should do this"',
  ];
  return `${lines.join('\n')}\n`;
}

function httpLines(action: Extract<Action, { type: 'HTTP' }>, options: ManifestOptions): string[] {
  return [
    '    type: HTTP',
    '    http:',
    `      method: ${quote(action.method)}`,
    `      url: ${quote(action.url)}`,
    ...mapLines('headers', action.headers),
    ...bodyLines(action.body, options.bodyJson),
  ];
}

function kubernetesLines(
  action: Extract<Action, { type: 'Kubernetes' }>,
  options: ManifestOptions,
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
    ...bodyLines(action.body, options.bodyJson),
  ];
}

function mapLines(name: string, map: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(map);
  return entries.length === 0
    ? []
    : [`      ${name}:`, ...entries.map(([key, value]) => `        ${quote(key)}: ${quote(value)}`)];
}

function bodyLines(body: ActionBody, json: string | undefined): string[] {
  switch (body.kind) {
    case 'none':
      return [];
    case 'unread':
      return ['      body:', '        type: Any'];
    case 'bytes':
      return json !== undefined && json.length <= JSON_LIMIT && !SECRET_MEMBER.test(json)
        ? ['      body:', '        type: JSON', `        json: ${quote(json)}`]
        : ['      body:', '        type: SHA256', `        sha256: ${quote(body.sha256)}`];
  }
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2), and cannot be broken out of. */
function quote(value: string): string {
  // U+0085, U+2028 and U+2029 are line breaks to YAML 1.1 readers, and the rest beyond ASCII may be bidi controls.
  return canonicalJson(value).replace(/[^\x20-\x7e]/g, (c) =>
    `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function origin(url: string): string {
  const end = url.indexOf('/', url.indexOf('//') + 2);
  return end === -1 ? url : url.slice(0, end);
}
