/** docs/examples: manifests that a reader applies. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import type { KubeObject } from './api-client.ts';

export interface Example extends KubeObject {
  apiVersion: string;
  kind: string;
}

export const EXAMPLES = join(ROOT, 'docs/examples');
export const EXAMPLE_FILES = readdirSync(EXAMPLES).sort();

export function examplesOf(file: string): Example[] {
  return parseAllDocuments(readFileSync(join(EXAMPLES, file), 'utf8')).map((document) =>
    document.toJS(),
  );
}

/** Every namespace that an example names. */
export function exampleNamespaces(): string[] {
  const found = EXAMPLE_FILES.flatMap(examplesOf).map(({ metadata }) => metadata.namespace ?? '');
  return [...new Set(found)].filter((name) => name !== '');
}
