/** A call to the API server, in the attributes that its RBAC and audit see, plus what changes the effect beyond them. */

import { INERT_HEADERS } from '../../core/action/headers.ts';
import type { KubernetesAction, PatchType } from '../../core/action/kubernetes.ts';
import { API_GROUP } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';
import { requiredName, selectName } from './field-selector.ts';
import type {
  BodyExpectation,
  DiscoveryDescription,
  HeaderPair,
  KubernetesDescription,
  UpstreamHead,
} from './head-description.ts';
import type { RequestHeaders } from './headers.ts';
import { formatKubernetesQuery, parseKubernetesQuery } from './kubernetes-query.ts';
import { formatKubernetesPath, type ResourcePath, readKubernetesPath } from './request-info.ts';
import type { Target } from './target.ts';

type Attributes = Omit<KubernetesAction, 'body'>;

/** Content types of patches; the API server compares them like this, case and all. */
const PATCH_TYPES: ReadonlyMap<string, PatchType> = new Map([
  ['application/json-patch+json', 'JSON'],
  ['application/merge-patch+json', 'Merge'],
  ['application/strategic-merge-patch+json', 'StrategicMerge'],
]);
const APPLY_TYPE = 'application/apply-patch+yaml';

/** Content types of objects, and whether their bytes have a JSON reading. */
const OBJECT_TYPES: ReadonlyMap<string, KubernetesDescription['json']> = new Map([
  ['application/json', 'required'],
  ['application/yaml', 'possible'],
  ['application/vnd.kubernetes.protobuf', 'no'],
]);

/** @throws ProblemError */
export function describeKubernetes(
  method: string,
  target: Target,
  headers: RequestHeaders,
  body: BodyExpectation,
): KubernetesDescription | DiscoveryDescription {
  const path = readKubernetesPath(target.path);
  checkHeaders(
    path.kind === 'discovery' ? withoutConditions(headers.significant) : headers.significant,
  );
  const upstream = (rebuilt: string, contentType: string | null): UpstreamHead => ({
    scheme: target.scheme,
    host: target.host,
    port: target.port,
    method,
    path: rebuilt,
    headers: withContentType(headers.inert, contentType),
  });
  if (path.kind === 'discovery') {
    return {
      kind: 'discovery',
      upstream: upstream(target.path + discoveryQuery(method, target.query), null),
    };
  }

  const contentType = essence(headers);
  const parameters = parseKubernetesQuery(target.query);
  const action = attributes(method, path.path, parameters, contentType);
  checkGrantable(action, method);
  const sent = upstream(formatTarget(action), contentType);
  return {
    kind: 'kubernetes',
    action,
    upstream: { ...sent, headers: withManager(sent.headers, action) },
    body,
    json: jsonReading(action.verb, contentType),
  };
}

/** What client-go's discovery client sends; `hash` is of an OpenAPI document. */
function discoveryQuery(method: string, query: string): string {
  if (method !== 'GET' && method !== 'HEAD') throw methodRefused(method);
  const parameters = parseKubernetesQuery(query);
  for (const name of parameters.keys()) {
    if (name !== 'timeout' && name !== 'hash') {
      throw refuse(name, 'discovery has no such query parameter');
    }
  }
  return formatKubernetesQuery(parameters);
}

/** The verb and what goes with it, as RequestInfo derives them. */
function attributes(
  method: string,
  path: ResourcePath,
  parameters: Map<string, string>,
  contentType: string | null,
): Attributes {
  const { watchPrefix, ...object } = path;
  const build = (verb: string, more: Partial<Attributes> = {}): Attributes => ({
    type: 'Kubernetes',
    verb,
    ...object,
    queryParameters: Object.fromEntries(parameters),
    ...more,
  });
  if (watchPrefix) return build('watch', watchByPrefix(method, path, parameters));
  if (object.name === '' && (method === 'GET' || method === 'HEAD')) {
    // `watch` is the verb itself, and so not among the parameters of the action.
    const verb = readWatch(parameters) ? 'watch' : 'list';
    return build(verb, {
      name: checkedName(parameters),
      queryParameters: Object.fromEntries(parameters),
    });
  }
  if (parameters.has('watch')) throw refuse('watch', 'only a list can be a watch');
  switch (method) {
    case 'GET':
    case 'HEAD':
      return build('get');
    case 'POST':
      return build('create');
    case 'PUT':
      return build('update');
    case 'DELETE':
      return build(object.name === '' ? 'deletecollection' : 'delete');
    case 'PATCH':
      return contentType === APPLY_TYPE
        ? build('apply')
        : build('patch', { patchType: patchType(contentType) });
    default:
      throw methodRefused(method);
  }
}

/** The deprecated `/watch/` prefix as the query that replaced it: one action, one form, and that form is sent. */
function watchByPrefix(
  method: string,
  path: ResourcePath,
  parameters: Map<string, string>,
): Partial<Attributes> {
  // To RequestInfo the prefix makes a watch of any method.
  if (method !== 'GET') throw methodRefused(method);
  if (path.subresource !== '') throw refuse('target', 'a subresource cannot be watched');
  if (parameters.has('watch')) throw refuse('watch', 'the path has the watch prefix already');
  if (path.name !== '') {
    if (parameters.has('fieldSelector')) {
      throw refuse('fieldSelector', 'the path has a name already');
    }
    // For a Namespace itself RequestInfo also gives the name as its namespace; a selector does not.
    parameters.set('fieldSelector', selectName(path.name));
  }
  return {
    namespace: path.resource === 'namespaces' ? '' : path.namespace,
    name: checkedName(parameters),
    queryParameters: Object.fromEntries(parameters),
  };
}

/** Takes `watch` out of the parameters. The API server takes everything but 0 and false for true; so much is not needed. */
function readWatch(parameters: Map<string, string>): boolean {
  const value = parameters.get('watch');
  parameters.delete('watch');
  switch (value) {
    case 'true':
    case '1':
      return true;
    case undefined:
    case 'false':
    case '0':
      return false;
    default:
      throw refuse('watch', `"${printable(value, 32)}" is neither true nor false`);
  }
}

/** The name that a field selector supplies to a list or watch. */
function checkedName(parameters: ReadonlyMap<string, string>): string {
  const name = requiredName(parameters.get('fieldSelector') ?? '');
  if (!/^(?!\.{1,2}$)[^/%\p{Cc}\s]{0,253}$/u.test(name)) {
    throw refuse('fieldSelector', `"${printable(name, 64)}" cannot be a name`);
  }
  return name;
}

function patchType(contentType: string | null): PatchType {
  const type = contentType === null ? undefined : PATCH_TYPES.get(contentType);
  if (type !== undefined) return type;
  throw new ProblemError(
    'HeaderRefused',
    `Content-Type: a patch is one of ${[...PATCH_TYPES.keys(), APPLY_TYPE].join(', ')}.`,
    { field: 'content-type' },
  );
}

/** What no grant may permit; admission and the CRD refuse the same in grants. */
function checkGrantable(action: Attributes, method: string): void {
  const { verb, apiGroup, resource, subresource, name, queryParameters } = action;
  if (apiGroup === API_GROUP || apiGroup.endsWith(`.${API_GROUP}`)) {
    throw refuse('apiGroup', 'a grant cannot change grants or decisions');
  }
  if (resource === 'serviceaccounts' && subresource === 'token') {
    throw refuse('subresource', 'a token would outlive the grant');
  }
  if (['attach', 'portforward', 'proxy'].includes(subresource)) {
    throw refuse('subresource', `${subresource} opens a channel for calls that nobody decided on`);
  }
  if (subresource === 'exec') {
    // A GET would do as well (websockets), but it is not the verb that people expect to see and decide on.
    if (method !== 'POST') throw refuse('subresource', 'exec is granted as create, so send a POST');
    if (!Object.hasOwn(queryParameters, 'command')) throw refuse('command', 'exec needs a command');
    for (const parameter of ['stdin', 'tty']) {
      if (Object.hasOwn(queryParameters, parameter)) {
        throw refuse(parameter, 'a grant permits one command and not a session');
      }
    }
  }
  if (verb === 'create' && name !== '' && subresource === '') {
    throw refuse('name', 'the name of a new object belongs into its body');
  }
  if (['update', 'patch', 'apply'].includes(verb) && name === '') {
    throw refuse('name', `${verb} needs the name of an object`);
  }
}

/**
 * client-go revalidates the discovery documents that it has cached. Discovery is never forwarded, and its answer is always
 * whole, which RFC 9110 13.2.1 leaves to the server.
 */
function withoutConditions(significant: readonly HeaderPair[]): readonly HeaderPair[] {
  return significant.filter(([name]) => name !== 'if-none-match' && name !== 'if-modified-since');
}

/** Nothing but the inert headers: the API server reads identity and more from others. */
function checkHeaders(significant: readonly HeaderPair[]): void {
  const [first] = significant;
  if (first === undefined) return;
  const [name] = first;
  if (name.startsWith('impersonate-')) {
    throw new ProblemError(
      'KubernetesRequestRefused',
      `Header ${printable(name, 64)}: impersonation can never be granted.`,
      { field: name },
    );
  }
  throw new ProblemError(
    'HeaderRefused',
    `Header ${printable(name, 64)}: a Kubernetes action has no headers, and this one may have an effect.`,
    { field: name },
  );
}

/** `type/subtype`; parameters other than charset=utf-8 could change the reading and are not needed. */
function essence({ contentType }: RequestHeaders): string | null {
  if (contentType === null) return null;
  for (const [name, value] of contentType.parameters) {
    if (name !== 'charset' || value.toLowerCase() !== 'utf-8') {
      throw new ProblemError(
        'HeaderRefused',
        `Content-Type: the parameter ${printable(name, 64)} is not supported for Kubernetes requests.`,
        { field: 'content-type' },
      );
    }
  }
  return contentType.essence;
}

function jsonReading(verb: string, contentType: string | null): KubernetesDescription['json'] {
  if (verb === 'patch') return 'required';
  if (verb === 'apply') return 'possible';
  if (contentType === null || ['get', 'list', 'watch'].includes(verb)) return 'no';
  const reading = OBJECT_TYPES.get(contentType);
  if (reading === undefined) {
    throw new ProblemError(
      'HeaderRefused',
      `Content-Type: the API server takes ${[...OBJECT_TYPES.keys()].join(', ')}.`,
      { field: 'content-type' },
    );
  }
  return reading;
}

/** Without the parameter, the API server takes the name of the field's manager from the client's (managedfields, KEP-555). */
const NAMES_A_MANAGER: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'apply']);
const USER_AGENT: HeaderPair = ['user-agent', 'actiongrant'];

/** Who is on record as the manager of what is written is part of the action: the agent does not choose it beside the grant. */
function withManager(
  headers: readonly HeaderPair[],
  { verb, queryParameters }: Attributes,
): readonly HeaderPair[] {
  const named = (queryParameters['fieldManager'] ?? '') !== '';
  return NAMES_A_MANAGER.has(verb) && !named
    ? [...headers.filter(([name]) => name !== 'user-agent'), USER_AGENT]
    : headers;
}

/**
 * Exactly the content type that was judged, without its parameters. What the chart adds to the inert headers is about
 * other services and is left out, so that no chart value can make the API server see `x-remote-user` and the like.
 */
function withContentType(
  inert: readonly HeaderPair[],
  contentType: string | null,
): readonly HeaderPair[] {
  const others = inert.filter(([name]) => name !== 'content-type' && INERT_HEADERS.has(name));
  return contentType === null ? others : [...others, ['content-type', contentType]];
}

/** The one request target that the API server reads as this action. */
function formatTarget(action: Attributes): string {
  const byQuery = action.verb === 'list' || action.verb === 'watch';
  const path = formatKubernetesPath(byQuery ? { ...action, name: '' } : action);
  const parameters = new Map(Object.entries(action.queryParameters));
  return (
    path +
    formatKubernetesQuery(action.verb === 'watch' ? parameters.set('watch', 'true') : parameters)
  );
}

function methodRefused(method: string): ProblemError {
  return new ProblemError(
    'MethodRefused',
    `The method ${method} has no meaning to the API server here.`,
    { field: 'method' },
  );
}

function refuse(field: string, reason: string): ProblemError {
  return new ProblemError('KubernetesRequestRefused', `${printable(field, 64)}: ${reason}.`, {
    field,
  });
}
