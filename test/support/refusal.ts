import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import type { ApiResponse } from './api-client.ts';

/** One reason of a 422, as the API server gives it to programs. */
export interface Cause {
  readonly field: string;
  readonly message: string;
}

/** Why the API server refused an object; empty if it did not. */
export function causesOf({ body }: ApiResponse<unknown>): readonly Cause[] {
  const { details } = body as { details?: { causes?: { field?: string; message?: string }[] } };
  return (details?.causes ?? []).map(({ field = '', message = '' }) => ({ field, message }));
}

interface SchemaNode {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly description?: string;
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; message?: string }[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode;
  readonly items?: SchemaNode;
}

/** Every node of the ActionGrant schema with its path, such as `status.uses[].id`. */
export function schemaNodes(): readonly { path: string; node: SchemaNode }[] {
  const text = readFileSync(join(ROOT, 'crds', 'actiongrants.yaml'), 'utf8');
  const root: SchemaNode = parse(text).spec.versions[0].schema.openAPIV3Schema;
  return [...walk('', root)];
}

function* walk(path: string, node: SchemaNode): Generator<{ path: string; node: SchemaNode }> {
  yield { path, node };
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    yield* walk(path === '' ? key : `${path}.${key}`, child);
  }
  if (node.additionalProperties) yield* walk(`${path}.*`, node.additionalProperties);
  if (node.items) yield* walk(`${path}[]`, node.items);
}

/** The messages of the rules below a path, for tests that every one of them has been seen. */
export function ruleMessages(below: string): readonly string[] {
  return schemaNodes()
    .filter(({ path }) => path.startsWith(below))
    .flatMap(({ node }) => node['x-kubernetes-validations'] ?? [])
    .map(({ rule, message }) => message ?? `(no message) ${rule}`);
}
