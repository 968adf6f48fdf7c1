/** The verb and what goes with it, as RequestInfo derives them (k8s.io/apiserver, requestinfo.go). */

import type { WithoutBody } from '../../core/action/action-type.ts';
import type { KubernetesAction, PatchType } from '../../core/action/kubernetes.ts';
import { printable } from '../../core/text/url.ts';
import { requiredName, selectName } from './field-selector.ts';
import { APPLY_TYPE, patchType } from './kubernetes-content-type.ts';
import { methodRefused, neverGranted } from './kubernetes-refusal.ts';
import type { ResourcePath } from './request-info.ts';

export type Attributes = WithoutBody<KubernetesAction>;

/**
 * @param parameters the query; what the verb says already is taken out of it
 * @throws ProblemError MethodRefused, KubernetesRequestRefused or HeaderRefused
 */
export function readAttributes(
  method: string,
  path: ResourcePath,
  parameters: Map<string, string>,
  contentType: string | null,
): Attributes {
  if (path.watchPrefix) return watchByPrefix(method, path, parameters);
  if (path.name === '' && (method === 'GET' || method === 'HEAD')) {
    // `watch` is the verb itself, and so not among the parameters of the action.
    const verb = takeWatch(parameters) ? 'watch' : 'list';
    return attributes(verb, path, parameters, { name: selectedName(parameters) });
  }
  if (parameters.has('watch')) throw neverGranted('watch', 'only a list can be a watch');
  switch (method) {
    case 'GET':
    case 'HEAD':
      return attributes('get', path, parameters);
    case 'POST':
      return attributes('create', path, parameters);
    case 'PUT':
      return attributes('update', path, parameters);
    case 'DELETE':
      return attributes(path.name === '' ? 'deletecollection' : 'delete', path, parameters);
    case 'PATCH':
      return contentType === APPLY_TYPE
        ? attributes('apply', path, parameters)
        : attributes('patch', path, parameters, { patchType: patchType(contentType) });
    default:
      throw methodRefused(method);
  }
}

/** @param differs where the attributes are not those of the path */
function attributes(
  verb: string,
  path: ResourcePath,
  parameters: ReadonlyMap<string, string>,
  differs: { name?: string; namespace?: string; patchType?: PatchType } = {},
): Attributes {
  return {
    type: 'Kubernetes',
    verb,
    apiGroup: path.apiGroup,
    version: path.version,
    namespace: path.namespace,
    resource: path.resource,
    name: path.name,
    subresource: path.subresource,
    queryParameters: Object.fromEntries(parameters),
    ...differs,
  };
}

/** The deprecated `/watch/` prefix as the query that replaced it: one action, one form, and that form is sent. */
function watchByPrefix(
  method: string,
  path: ResourcePath,
  parameters: Map<string, string>,
): Attributes {
  // To RequestInfo the prefix makes a watch of any method.
  if (method !== 'GET') throw methodRefused(method);
  if (path.subresource !== '') throw neverGranted('target', 'a subresource cannot be watched');
  if (parameters.has('watch')) {
    throw neverGranted('watch', 'the path has the watch prefix already');
  }
  if (path.name !== '') {
    if (parameters.has('fieldSelector')) {
      throw neverGranted('fieldSelector', 'the path has a name already');
    }
    // For a Namespace itself RequestInfo also gives the name as its namespace; a selector does not.
    parameters.set('fieldSelector', selectName(path.name));
  }
  return attributes('watch', path, parameters, {
    namespace: path.resource === 'namespaces' ? '' : path.namespace,
    name: selectedName(parameters),
  });
}

/**
 * Takes `watch` out of the parameters. The API server reads every value but 0 and false, in any case, as true
 * (Convert_Slice_string_To_bool, k8s.io/apimachinery); only the values that clients send are accepted here. Python's say `True`.
 */
function takeWatch(parameters: Map<string, string>): boolean {
  const value = parameters.get('watch');
  parameters.delete('watch');
  switch (value?.toLowerCase()) {
    case 'true':
    case '1':
      return true;
    case undefined:
    case 'false':
    case '0':
      return false;
    default:
      throw neverGranted('watch', `"${printable(value ?? '', 32)}" is neither true nor false`);
  }
}

/** The name that a field selector supplies to a list or watch. */
function selectedName(parameters: ReadonlyMap<string, string>): string {
  const name = requiredName(parameters.get('fieldSelector') ?? '');
  if (!/^(?!\.{1,2}$)[^/%\p{Cc}\s]{0,253}$/u.test(name)) {
    throw neverGranted('fieldSelector', `"${printable(name, 64)}" cannot be a name`);
  }
  return name;
}
