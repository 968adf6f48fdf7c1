/**
 * Writes core/api/generated/actiongrant.ts from crds/actiongrants.yaml, the source of truth of the API.
 *
 *   node scripts/generate-types.ts            writes the file
 *   node scripts/generate-types.ts --check    writes nothing; exits 1 if the file is not what would be written
 *
 * A generator of our own, because the types are meant to be read: every object and every closed set of words has a name
 * from the table below, and a field that has a default is not optional, since the API server always fills it in.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { drift } from './drift.ts';

const SOURCE = fileURLToPath(new URL('../crds/actiongrants.yaml', import.meta.url));
const TARGET = fileURLToPath(new URL('../core/api/generated/actiongrant.ts', import.meta.url));

/** The parts of a structural schema that decide a type. */
interface Schema {
  type?: 'array' | 'boolean' | 'integer' | 'object' | 'string';
  description?: string;
  enum?: string[];
  default?: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
}

interface Definition {
  spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
}

/** Name of the type at each path; several paths may share a name if their schemas agree. */
const NAMES: Readonly<Record<string, string>> = {
  spec: 'ActionGrantSpec',
  'spec.agent': 'GrantAgent',
  'spec.action': 'GrantAction',
  'spec.action.type': 'GrantActionType',
  'spec.action.http': 'GrantHttpAction',
  'spec.action.http.body': 'GrantBody',
  'spec.action.http.body.type': 'GrantBodyType',
  'spec.action.kubernetes': 'GrantKubernetesAction',
  'spec.action.kubernetes.verb': 'GrantKubernetesVerb',
  'spec.action.kubernetes.patchType': 'GrantPatchType',
  'spec.action.kubernetes.body': 'GrantBody',
  'spec.action.kubernetes.body.type': 'GrantBodyType',
  'spec.action.mcp': 'GrantMcpAction',
  'spec.credential': 'GrantCredential',
  'spec.credential.type': 'GrantCredentialType',
  'spec.credential.serviceAccountToken': 'ServiceAccountTokenCredential',
  'spec.requester': 'GrantUser',
  status: 'ActionGrantStatus',
  'status.phase': 'Phase',
  'status.outcome': 'Outcome',
  'status.credential': 'BoundCredential',
  'status.decisions[]': 'GrantDecision',
  'status.decisions[].decision': 'Verdict',
  'status.decisions[].decider': 'GrantUser',
  'status.uses[]': 'Use',
  'status.uses[].outcome': 'Outcome',
  'status.uses[].credential': 'UseCredential',
  'status.conditions[]': 'GrantCondition',
  'status.conditions[].type': 'GrantConditionType',
  'status.conditions[].status': 'GrantConditionStatus',
};

const HEADER = `// Generated from crds/actiongrants.yaml by scripts/generate-types.ts. Do not edit.
//
// The objects as the API server returns them: a field with a default is always there, and times are RFC 3339 strings.
`;

/** Of the metadata of an object that was read, what we use. The CRD leaves it to the API server. */
const METADATA = `/** Of the standard metadata, what is read here. */
export interface GrantMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
`;

/** The declarations in the order in which the schema first mentions them, each under the types that use it. */
class Declarations {
  readonly #texts = new Map<string, { text: string; path: string; shape: string }>();

  /** The name of the object or enumeration at `path`, declared now if it is new. */
  name(path: string, schema: Schema, write: (name: string) => string): string {
    const name = NAMES[path];
    if (name === undefined)
      throw new Error(`scripts/generate-types.ts has no name for ${path}; add one to NAMES`);
    const shape = JSON.stringify(schema, (key, value) =>
      key === 'description' ? undefined : value,
    );
    const known = this.#texts.get(name);
    if (known === undefined) {
      // The place is taken before the text exists, so that an object stands above what it mentions.
      this.#texts.set(name, { text: '', path, shape });
      this.#texts.set(name, { text: write(name), path, shape });
    } else if (known.shape !== shape) {
      throw new Error(
        `${name} is the name of ${known.path} and of ${path}, but their schemas differ`,
      );
    }
    return name;
  }

  get text(): string {
    return [...this.#texts.values()].map((declaration) => declaration.text).join('\n');
  }
}

/** The TypeScript expression for a schema; what has a name is declared on the way. */
function typeOf(schema: Schema, path: string, declarations: Declarations): string {
  if (schema.enum !== undefined) {
    const words = schema.enum;
    return declarations.name(path, schema, (name) => union(name, schema, words));
  }
  switch (schema.type) {
    case 'boolean':
      return 'boolean';
    case 'integer':
      return 'number';
    case 'string':
      return 'string';
    case 'array':
      if (schema.items === undefined) break;
      return `readonly ${typeOf(schema.items, `${path}[]`, declarations)}[]`;
    case 'object':
      if (schema.additionalProperties !== undefined) {
        return `Readonly<Record<string, ${typeOf(schema.additionalProperties, `${path}{}`, declarations)}>>`;
      }
      return declarations.name(path, schema, (name) =>
        interfaceOf(name, schema, path, declarations),
      );
    default:
  }
  throw new Error(
    `${path}: a schema of type ${schema.type ?? '(none)'} has no TypeScript type here`,
  );
}

function interfaceOf(
  name: string,
  schema: Schema,
  path: string,
  declarations: Declarations,
): string {
  const members = Object.entries(schema.properties ?? {}).map(([key, member]) => {
    const always = schema.required?.includes(key) || member.default !== undefined;
    const type = typeOf(member, path === '' ? key : `${path}.${key}`, declarations);
    return `${docstring(member, '  ')}  readonly ${key}${always ? '' : '?'}: ${type};\n`;
  });
  return `${docstring(schema, '')}export interface ${name} {\n${members.join('')}}\n`;
}

function union(name: string, schema: Schema, words: readonly string[]): string {
  const literals = words.map((word) => `'${word}'`);
  const line = `export type ${name} = ${literals.join(' | ')};`;
  const text =
    line.length <= 100
      ? line
      : `export type ${name} =\n${literals.map((l) => `  | ${l}`).join('\n')};`;
  return `${docstring(schema, '')}${text}\n`;
}

function docstring(schema: Schema, indent: string): string {
  const byDefault =
    schema.default === undefined ? '' : ` @default ${JSON.stringify(schema.default)}`;
  const text = `${schema.description ?? ''}${byDefault}`.trim().replaceAll('*/', '*\\/');
  if (text === '') return '';
  if (indent.length + text.length + 7 <= 100) return `${indent}/** ${text} */\n`;
  const lines = wrap(text, 100 - indent.length - 3);
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The text of the generated file. */
export function generate(yaml: string): string {
  const definition = parse(yaml) as Definition;
  const version = definition.spec.versions.find(({ name }) => name === 'v1alpha1');
  if (version === undefined) throw new Error('crds/actiongrants.yaml has no version v1alpha1');
  const root = version.schema.openAPIV3Schema;
  const declarations = new Declarations();
  const { spec, status } = root.properties ?? {};
  if (spec === undefined || status === undefined)
    throw new Error('the schema has no spec or no status');
  const specName = typeOf(spec, 'spec', declarations);
  const statusName = typeOf(status, 'status', declarations);
  const grant = `${docstring(root, '')}export interface ActionGrant {
  readonly apiVersion: 'actiongrant.dev/v1alpha1';
  readonly kind: 'ActionGrant';
  readonly metadata: GrantMetadata;
${docstring(spec, '  ')}  readonly spec: ${specName};
${docstring(status, '  ')}  readonly status?: ${statusName};
}
`;
  return [HEADER, grant, METADATA, declarations.text].join('\n');
}

function main(args: readonly string[]): number {
  const text = generate(readFileSync(SOURCE, 'utf8'));
  if (!args.includes('--check')) {
    writeFileSync(TARGET, text);
    return 0;
  }
  const difference = drift(text, readFileSync(TARGET, 'utf8'), 'the CRD');
  if (difference === undefined) return 0;
  console.error(
    `core/api/generated/actiongrant.ts is not what crds/actiongrants.yaml says, from ${difference}`,
  );
  console.error('Run: node scripts/generate-types.ts');
  return 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
