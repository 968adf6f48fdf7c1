/** What no grant may permit; admission and the CRD refuse the same in grants. */

import { API_GROUP } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { printable } from '../../core/text/url.ts';
import type { Attributes } from './kubernetes-attributes.ts';
import { neverGranted } from './kubernetes-refusal.ts';

/** @throws ProblemError KubernetesRequestRefused */
export function checkForbidden(action: Attributes, method: string): void {
  const { verb, apiGroup, resource, subresource, name, queryParameters } = action;
  if (apiGroup === API_GROUP || apiGroup.endsWith(`.${API_GROUP}`)) {
    throw neverGranted('apiGroup', 'a grant cannot change grants or decisions');
  }
  if (resource === 'serviceaccounts' && subresource === 'token') {
    throw neverGranted('subresource', 'a token would outlive the grant');
  }
  if (['attach', 'portforward', 'proxy'].includes(subresource)) {
    throw neverGranted(
      'subresource',
      `${subresource} opens a channel for calls that nobody decided on`,
    );
  }
  if (subresource === 'exec') checkExec(queryParameters, method);
  if (verb === 'create' && name !== '' && subresource === '') {
    throw neverGranted('name', 'the name of a new object belongs into its body');
  }
  if (['update', 'patch', 'apply'].includes(verb) && name === '') {
    throw neverGranted('name', `${verb} needs the name of an object`);
  }
}

function checkExec(parameters: Attributes['queryParameters'], method: string): void {
  // A GET would do as well (websockets), but it is not the verb that people expect to see and decide on.
  if (method !== 'POST') {
    throw neverGranted('subresource', 'exec is granted as create, so send a POST');
  }
  if (!Object.hasOwn(parameters, 'command')) {
    throw neverGranted('command', 'exec needs a command');
  }
  for (const parameter of ['stdin', 'tty']) {
    if (Object.hasOwn(parameters, parameter)) {
      throw neverGranted(parameter, 'a grant permits one command and not a session');
    }
  }
}

/** Commands of kubectl, and of others that have its code, whose first calls are ordinary ones and whose last is an upgrade. */
const SESSIONS: ReadonlySet<string> = new Set([
  'attach',
  'cp',
  'exec',
  'port-forward',
  'proxy',
  'rsh',
  'rsync',
]);

/**
 * Before a grant for the first call is used up in vain: kubectl reads the pod, then asks for the session. The name of the command
 * comes with every call (KEP-859).
 * @throws ProblemError KubernetesRequestRefused
 */
export function checkCommand(headers: readonly HeaderPair[]): void {
  const command = headers.find(([name]) => name === 'kubectl-command')?.[1] ?? '';
  const verb = command.split(' ').at(-1) ?? '';
  if (!SESSIONS.has(verb)) return;
  throw new ProblemError(
    'KubernetesRequestRefused',
    `${printable(command, 64)}: it needs a connection that is upgraded, and one approval would be a session. No grant permits that, and none was used up. Make an API call that does the same.`,
    { field: 'kubectl-command' },
  );
}

/**
 * Nothing but the inert headers: the API server reads identity and more from others.
 * @throws ProblemError KubernetesRequestRefused or HeaderRefused
 */
export function checkHeaders(significant: readonly HeaderPair[]): void {
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
