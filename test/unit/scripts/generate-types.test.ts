import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { generate } from '../../../scripts/generate-types.ts';

const crd = readFileSync(new URL('../../../crds/actiongrants.yaml', import.meta.url), 'utf8');

/** The CRD with its `spec` schema's properties changed. */
function withSpec(change: (properties: Record<string, unknown>) => void): string {
  const definition = parse(crd);
  change(definition.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties);
  return stringify(definition);
}

describe('the generated types', () => {
  test('make a field optional exactly if it is neither required nor has a default', () => {
    const text = generate(crd);
    expect(text).toContain('  readonly justification: string;');
    expect(text).toContain('  readonly timeoutSeconds: number;');
    expect(text).toContain('  readonly requester?: GrantUser;');
  });

  test('close every enumeration', () => {
    const text = generate(crd);
    expect(text).toContain(
      "export type Outcome = 'NotDispatched' | 'Succeeded' | 'Failed' | 'Unknown';",
    );
  });

  test('carry the descriptions without letting them end the comment', () => {
    const text = generate(
      withSpec((properties) => {
        properties['note'] = { type: 'string', description: 'Ends */ here.' };
      }),
    );
    expect(text).toContain('/** Ends *\\/ here. */\n  readonly note?: string;');
  });

  test('stop at an object that has no name yet', () => {
    const yaml = withSpec((properties) => {
      properties['extra'] = { type: 'object', properties: {} };
    });
    expect(() => generate(yaml)).toThrow('no name for spec.extra');
  });

  test('stop when one name would stand for two shapes', () => {
    const yaml = withSpec((properties) => {
      properties['requester'] = { type: 'object', properties: { name: { type: 'string' } } };
    });
    expect(() => generate(yaml)).toThrow('GrantUser is the name of spec.requester and of');
  });
});
