/**
 * What a grant says, brought into the one form in which it is compared. Used by admission (so that a grant that could never
 * match is refused when it is made), by the controller's index, and for summaries.
 */

import type { ActionGrantSpec } from '../api/generated/actiongrant.ts';
import { ProblemError } from '../api/problem.ts';
import { canonicalJson, JsonError, type JsonValue, parseStrictJson } from '../text/json.ts';
import { formatUrl, parseUrl, printable } from '../text/url.ts';
import type { PatchType } from './action.ts';
import { actionDigest, type BodyPattern, sha256Hex } from './digest.ts';
import { belongsToAction, HEADER_NAME, HEADER_VALUE } from './headers.ts';

type GrantAction = ActionGrantSpec['action'];
type HttpSpec = NonNullable<GrantAction['http']>;
type KubernetesSpec = NonNullable<GrantAction['kubernetes']>;
type BodySpec = NonNullable<HttpSpec['body']>;

/** A grant's action in the form in which it is matched. */
export interface GrantedAction {
  digest: string;
  /** ≤ 160 printable ASCII characters, for people. */
  summary: string;
  /** Set for HTTP actions. */
  url?: { scheme: 'http' | 'https'; host: string; port: number };
}

const SUMMARY_LIMIT = 160;

/**
 * Reads `spec.action` strictly.
 * @throws ProblemError GrantInvalid, naming the field and the way out
 */
export function grantedAction(action: GrantAction): GrantedAction {
  switch (action.type) {
    case 'HTTP':
      return httpAction(present(action.http, 'spec.action.http'));
    case 'Kubernetes':
      return kubernetesAction(present(action.kubernetes, 'spec.action.kubernetes'));
    case 'MCP':
      throw invalid(
        'spec.action.type',
        'MCP actions are not supported by this version; use HTTP with the exact body of the call',
      );
  }
}

function httpAction(http: HttpSpec): GrantedAction {
  const field = 'spec.action.http';
  let url: ReturnType<typeof parseUrl>;
  try {
    url = parseUrl(http.url, `${field}.url`);
  } catch (error) {
    if (error instanceof ProblemError) throw invalid(`${field}.url`, stripField(error.detail));
    throw error;
  }
  // Without prototype: `__proto__` is a valid field name (RFC 9110 5.1), and must not vanish from what is compared.
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    const at = `${field}.headers[${printable(name, 60)}]`;
    if (!HEADER_NAME.test(name)) throw invalid(at, 'header names are written in lower case');
    if (!belongsToAction(name)) {
      throw invalid(
        at,
        'this header never takes part in matching (it is forwarded as it is, rebuilt or removed); leave it out',
      );
    }
    if (!HEADER_VALUE.test(value)) {
      throw invalid(at, 'values are printable ASCII without leading or trailing space');
    }
    headers[name] = value;
  }
  const body = bodyPattern(http.body, `${field}.body`);
  if (body.form !== 'None' && ['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(http.method)) {
    throw invalid(`${field}.body`, `a ${http.method} request has no body; leave it out`);
  }
  const canonical = formatUrl(url);
  const action = { type: 'HTTP' as const, method: http.method, url: canonical, headers };
  return {
    digest: actionDigest(action, body),
    summary: summarize(`${http.method} ${canonical.slice(canonical.indexOf('//') + 2)}`, body),
    url: { scheme: url.scheme, host: url.host, port: url.port },
  };
}

function kubernetesAction(k: KubernetesSpec): GrantedAction {
  const field = 'spec.action.kubernetes';
  const body = bodyPattern(k.body, `${field}.body`);
  const action = {
    type: 'Kubernetes' as const,
    verb: k.verb,
    apiGroup: k.apiGroup ?? '',
    version: k.version,
    resource: k.resource,
    subresource: k.subresource ?? '',
    namespace: k.namespace ?? '',
    name: k.name ?? '',
    ...(k.patchType === undefined ? {} : { patchType: k.patchType satisfies PatchType }),
    queryParameters: { ...k.queryParameters },
  };
  const resource = [
    action.resource + (action.apiGroup === '' ? '' : `.${action.apiGroup}`),
    ...(action.subresource === '' ? [] : [action.subresource]),
  ].join('/');
  const object = [action.namespace, action.name].filter((part) => part !== '').join('/');
  return {
    digest: actionDigest(action, body),
    summary: summarize([action.verb, resource, object].filter((p) => p !== '').join(' '), body),
  };
}

/** How a grant states the body. JSON text is parsed strictly, so that admission refuses what could be read in two ways. */
function bodyPattern(body: BodySpec | undefined, field: string): BodyPattern {
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

/** `Any` shows in every listing; hostile text is made printable. */
function summarize(text: string, body: BodyPattern): string {
  const suffix = body.form === 'Any' ? ' (any body)' : '';
  const clean = printable(text, Number.POSITIVE_INFINITY);
  const room = SUMMARY_LIMIT - suffix.length;
  return (clean.length > room ? `${clean.slice(0, room - 3)}...` : clean) + suffix;
}

function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw invalid(field, 'is required here');
  return value;
}

/** The detail without the field it starts with: `invalid` puts its own there. */
function stripField(detail: string): string {
  return detail.replace(/^[^:]*: /, '').replace(/\.$/, '');
}

function invalid(field: string, reason: string): ProblemError {
  return new ProblemError('GrantInvalid', `${field}: ${reason}.`, { field });
}
