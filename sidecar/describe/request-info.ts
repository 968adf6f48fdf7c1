/**
 * The API server's own reading of a path: a port of `RequestInfoFactory.NewRequestInfo`
 * (k8s.io/apiserver v0.36, pkg/endpoints/request/requestinfo.go), on which RBAC and audit rest. It is narrower: what no
 * client needs and what two readers could take differently is refused. test/attack/corpus/request-info.jsonl holds answers
 * of the original to compare with.
 */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

export interface ResourcePath {
  apiGroup: string;
  version: string;
  namespace: string;
  resource: string;
  name: string;
  subresource: string;
  /** The deprecated `/watch/` prefix, which makes any request a watch. */
  watchPrefix: boolean;
}

export type KubernetesPath = { kind: 'resource'; path: ResourcePath } | { kind: 'discovery' };

const GROUP = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const RESOURCE = /^[a-z](?:[-a-z0-9.]*[a-z0-9])?$/;
const SUBRESOURCE = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
/** `content.IsPathSegmentName` and printable ASCII: RBAC names have colons, so a DNS name would be too narrow. */
const NAME = /^(?!\.{1,2}$)[!-$&-.0-[\]-~]{1,253}$/;

/** RequestInfo's special verbs, deprecated since 1.11 (proxy is gone). */
const PREFIXES: ReadonlySet<string> = new Set(['watch', 'proxy']);

/** Subresources that the path `/namespaces/{name}/…` can have; anything else there is a resource in the namespace. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);

/**
 * Characters that mean something in a path once they are decoded, as the API server does before it routes: "/", "\\", ".", "%".
 * No path of its API needs them encoded.
 */
const CONFUSING_ENCODING = /%(?:2f|5c|2e|25)/i;

/** @throws ProblemError KubernetesRequestRefused or TargetRefused */
export function readKubernetesPath(path: string): KubernetesPath {
  if (CONFUSING_ENCODING.test(path)) {
    throw new ProblemError(
      'TargetRefused',
      'target: the path has an encoded slash, backslash, dot or percent sign, which the API server decodes before it routes.',
      { field: 'target' },
    );
  }
  const segments = path.slice(1).split('/').map(decodeSegment);
  if (isDiscovery(segments)) return { kind: 'discovery' };
  const [prefix, ...rest] = segments;
  if (prefix !== 'api' && prefix !== 'apis') throw refuse('it is not a path of the API');
  const apiGroup = prefix === 'api' ? '' : take(rest, GROUP, 'group');
  const version = take(rest, LABEL, 'version');
  if (rest[0] === 'proxy') throw refuse('the proxy prefix opens a channel that nobody decided on');
  const watchPrefix = rest[0] === 'watch';
  if (watchPrefix) rest.shift();

  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = check(rest[1] ?? '', LABEL, 'namespace');
    if (rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '')) {
      rest.splice(0, 2);
      // RequestInfo reads …/namespaces/x/namespaces/x like …/namespaces/x.
      if (rest[0] === 'namespaces') throw refuse('namespaces do not nest');
    }
  }
  const resource = take(rest, RESOURCE, 'resource');
  // As a resource these would be read as a prefix elsewhere; none exists.
  if (PREFIXES.has(resource)) throw refuse(`"${resource}" cannot be a resource`);
  const name = rest.length > 0 ? take(rest, NAME, 'name') : '';
  const subresource = rest.length > 0 ? take(rest, SUBRESOURCE, 'subresource') : '';
  if (rest.length > 0) throw refuse('it goes on after the subresource');
  return {
    kind: 'resource',
    path: { apiGroup, version, namespace, resource, name, subresource, watchPrefix },
  };
}

/** The path that the API server reads as these attributes; never with the watch prefix. */
export function formatKubernetesPath(path: Omit<ResourcePath, 'watchPrefix'>): string {
  const root = path.apiGroup === '' ? ['api'] : ['apis', path.apiGroup];
  // For a Namespace itself the namespace is its name, and comes once.
  const scope =
    path.namespace === '' || path.resource === 'namespaces' ? [] : ['namespaces', path.namespace];
  const object = [path.resource, path.name, path.subresource].filter((part) => part !== '');
  return `/${[...root, path.version, ...scope, ...object].map(encodeSegment).join('/')}`;
}

/** What clients read to learn which resources there are: no object is in any of these. */
function isDiscovery(segments: readonly string[]): boolean {
  const [first, second, third] = segments;
  const length = segments.length;
  switch (first) {
    case 'version':
      return length === 1;
    case 'api':
      return length === 1 || (length === 2 && LABEL.test(second ?? ''));
    case 'apis':
      if (length > 1 && !GROUP.test(second ?? '')) return false;
      return length <= 2 || (length === 3 && LABEL.test(third ?? ''));
    case 'openapi':
      if (second === 'v2') return length === 2;
      return second === 'v3' && segments.slice(2).every((part) => GROUP.test(part));
    default:
      return false;
  }
}

/** Path segments come decoded to RequestInfo; what would decode to a separator, a dot or a percent sign was refused. */
function decodeSegment(segment: string): string {
  return segment.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function encodeSegment(segment: string): string {
  return segment.replace(
    /[^A-Za-z0-9\-._~!$&'()*+,=:@]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function take(rest: string[], pattern: RegExp, what: string): string {
  return check(rest.shift() ?? '', pattern, what);
}

function check(text: string, pattern: RegExp, what: string): string {
  if (text === '') throw refuse(`its ${what} is empty or missing`);
  if (!pattern.test(text)) throw refuse(`"${printable(text, 64)}" cannot be a ${what}`);
  return text;
}

function refuse(reason: string): ProblemError {
  return new ProblemError('KubernetesRequestRefused', `The path cannot be granted: ${reason}.`, {
    field: 'target',
  });
}
