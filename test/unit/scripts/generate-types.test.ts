import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { drift, generate } from '../../../scripts/generate-types.ts';

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

describe('the drift check', () => {
  test('finds nothing when the file is what would be written', () => {
    expect(drift('a\nb\n', 'a\nb\n')).toBeUndefined();
  });

  test.for([
    ['a\nb\n', 'a\nc\n', 'line 2\n  the CRD says:  b\n  the file says: c'],
    ['a\nb', 'a', 'line 2\n  the CRD says:  b\n  the file says: (end of file)'],
    ['a', 'a\nb', 'line 2\n  the CRD says:  (end of file)\n  the file says: b'],
  ])('names the first line that differs', ([expected = '', actual = '', message]) => {
    expect(drift(expected, actual)).toBe(message);
  });
});
