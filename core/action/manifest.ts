/** The apply-ready manifest of the grant that a refused call lacked: the answer to "what would allow this?". */

import { escapeHidden } from '../text/hidden.ts';
import { parseStrictJson } from '../text/json.ts';
import { secretPointers } from '../text/secret-json.ts';
import { holdsSecretDigest } from '../text/secret-text.ts';
import { type Action, actionType } from './action.ts';
import type { ActionBody } from './body.ts';
import { comment, quote } from './manifest-lines.ts';

export interface ManifestOptions {
  /** Namespace and ServiceAccount of the agent. */
  namespace: string;
  serviceAccountName: string;
  /** RFC 8785 text of the body, if it is JSON. */
  bodyJson?: string;
  /** Set if the answer goes on, such as a watch: for how long the call asks, if it says so. */
  stream?: { seconds?: number };
  /** What the body is, for people. Asked where the manifest has no more than its digest. */
  bodyAccount?: () => BodyAccount;
}

/** What can be said of a body that a grant states by its digest. Of any characters and any length. */
export interface BodyAccount {
  /** Media type and size. */
  kind: string;
  /** What is in it, without its secrets. */
  contents: readonly string[];
}

/** The most that a grant can give one call. */
const MAX_TIMEOUT_SECONDS = 570;
/** What a call that says how long it goes on takes besides, so that its service ends it and not we. */
const SLACK_SECONDS = 10;
const ACCOUNT_LIMIT = 4_096;
/** Longest JSON text the CRD takes. */
const JSON_LIMIT = 32_768;

/**
 * YAML for `kubectl create -f -`. It is written as YAML whose scalars are JSON strings, so hostile text in the call can
 * never become structure. What a person must fill in stands as an obvious placeholder.
 */
export function grantManifest(action: Action, options: ManifestOptions): string {
  const type = actionType(action);
  // Admission refuses what people would not see. In JSON an escape says the same.
  const { bodyJson } = options;
  const json =
    bodyJson === undefined || type.bodyIsSecret(action) ? undefined : escapeHidden(bodyJson);
  const head = type.manifestLines(action);
  const lines = [
    ...(head.some(holdsSecretDigest)
      ? ['# secret:sha256:... stands for a secret that the call has, by its SHA-256.']
      : []),
    'apiVersion: actiongrant.dev/v1alpha1',
    'kind: ActionGrant',
    'metadata:',
    `  generateName: ${quote(`${options.serviceAccountName.slice(0, 40).replace(/[.-]+$/, '')}-`)}`,
    `  namespace: ${quote(options.namespace)}`,
    'spec:',
    '  agent:',
    `    serviceAccountName: ${quote(options.serviceAccountName)}`,
    '  action:',
    `    type: ${action.type}`,
    `    ${type.member}:`,
    ...indented(6, head),
    ...indented(6, bodyLines(action.body, json, options.bodyAccount)),
    ...indented(2, credentialLines(type.credential(action))),
    ...indented(2, timeoutLines(options.stream)),
    '  approvedByRequester: true',
    '  justification: "REPLACE-ME: why the agent should do this"',
  ];
  return `${lines.join('\n')}\n`;
}

function credentialLines(credential: { audience?: string } | undefined): string[] {
  if (credential === undefined) return [];
  return [
    'credential:',
    '  type: ServiceAccountToken',
    '  serviceAccountToken:',
    '    serviceAccountName: "REPLACE-ME" # the ServiceAccount whose authority this one call gets',
    ...(credential.audience === undefined ? [] : [`    audience: ${quote(credential.audience)}`]),
  ];
}

function timeoutLines(stream: ManifestOptions['stream']): string[] {
  if (stream === undefined) return [];
  const asked = stream.seconds ?? MAX_TIMEOUT_SECONDS;
  const seconds = Math.min(asked + SLACK_SECONDS, MAX_TIMEOUT_SECONDS);
  return [`timeoutSeconds: ${seconds} # the answer is a stream, which is cut then`];
}

function bodyLines(
  body: ActionBody,
  json: string | undefined,
  account: ManifestOptions['bodyAccount'],
): string[] {
  switch (body.kind) {
    case 'none':
      return [];
    case 'unread':
      return ['body:', `  type: Any${afterwards(account?.().kind)}`];
    case 'bytes': {
      if (json !== undefined && json.length <= JSON_LIMIT && !holdsSecret(json)) {
        return ['body:', '  type: JSON', `  json: ${quote(json)}`];
      }
      const { kind, contents = [] } = account?.() ?? {};
      return [
        'body:',
        '  type: SHA256',
        `  sha256: ${quote(body.jsonSha256 ?? body.sha256)}${afterwards(kind)}`,
        ...contents.map((line) => `  ${comment(line, ACCOUNT_LIMIT)}`),
      ];
    }
  }
}

function afterwards(text: string | undefined): string {
  return text === undefined ? '' : ` ${comment(text, ACCOUNT_LIMIT)}`;
}

function holdsSecret(json: string): boolean {
  return secretPointers(parseStrictJson(json)).length > 0;
}

function indented(spaces: number, lines: readonly string[]): string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}
