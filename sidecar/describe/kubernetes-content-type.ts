/** Content types of calls to the API server: what kind of patch, and whether the bytes have a JSON reading. */

import type { PatchType } from '../../core/action/kubernetes.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';
import type { BodyExpectation, JsonReading } from './description.ts';
import type { RequestHeaders } from './headers.ts';

/** Content types of patches; the API server compares them like this, case and all. */
const PATCH_TYPES: ReadonlyMap<string, PatchType> = new Map([
  ['application/json-patch+json', 'JSON'],
  ['application/merge-patch+json', 'Merge'],
  ['application/strategic-merge-patch+json', 'StrategicMerge'],
]);
export const APPLY_TYPE = 'application/apply-patch+yaml';

/** Content types of objects, and whether their bytes have a JSON reading. */
const OBJECT_TYPES: ReadonlyMap<string, JsonReading> = new Map([
  ['application/json', 'json'],
  ['application/yaml', 'yaml'],
  ['application/vnd.kubernetes.protobuf', 'no'],
]);

/** Verbs whose object the API server reads as JSON when nothing says what it is; a patch must say what kind it is. */
const JSON_BY_DEFAULT: ReadonlySet<string> = new Set([
  'create',
  'update',
  'delete',
  'deletecollection',
]);

/** The API server's own default (NegotiateInputSerializer, k8s.io/apiserver), said explicitly if a body may follow. */
export function withDefault(
  contentType: string | null,
  verb: string,
  body: BodyExpectation,
): string | null {
  const isDefault = contentType === null && body.kind !== 'none' && JSON_BY_DEFAULT.has(verb);
  return isDefault ? 'application/json' : contentType;
}

/**
 * `type/subtype`; parameters other than charset=utf-8 could change the reading and are not needed.
 * @throws ProblemError HeaderRefused
 */
export function kubernetesContentType({ contentType }: RequestHeaders): string | null {
  if (contentType === null) return null;
  for (const [name, value] of contentType.parameters) {
    if (name !== 'charset' || value.toLowerCase() !== 'utf-8') {
      throw refuse(`the parameter ${printable(name, 64)} is not supported for Kubernetes requests`);
    }
  }
  return contentType.essence;
}

/** @throws ProblemError HeaderRefused for what is no type of a patch, or none that is not applied */
export function patchType(contentType: string | null): PatchType {
  const type = contentType === null ? undefined : PATCH_TYPES.get(contentType);
  if (type !== undefined) return type;
  throw refuse(`a patch is one of ${[...PATCH_TYPES.keys(), APPLY_TYPE].join(', ')}`);
}

/** @throws ProblemError HeaderRefused for an object in a form that the API server does not take */
export function jsonReading(verb: string, contentType: string | null): JsonReading {
  if (verb === 'patch') return 'json';
  if (verb === 'apply') return 'yaml';
  if (contentType === null || ['get', 'list', 'watch'].includes(verb)) return 'no';
  const reading = OBJECT_TYPES.get(contentType);
  if (reading === undefined) {
    throw refuse(`the API server takes ${[...OBJECT_TYPES.keys()].join(', ')}`);
  }
  return reading;
}

function refuse(reason: string): ProblemError {
  return new ProblemError('HeaderRefused', `Content-Type: ${reason}.`, { field: 'content-type' });
}
