import { describe, expect, it } from 'vitest';
import { requiredName, selectName } from '../../../../sidecar/describe/field-selector.ts';
import { refusal } from './problem.ts';

describe('a field selector', () => {
  it.each([
    ['', ''],
    ['spec.nodeName=n', ''],
    ['metadata.name=web-0', 'web-0'],
    ['metadata.name==web-0', 'web-0'],
    ['metadata.name!=web-0', ''],
    ['metadata.name=', ''],
    ['spec.nodeName=n,metadata.name=web-0', 'web-0'],
    [',metadata.name=web-0,', 'web-0'],
    ['metadata.name=a\\,b\\=c\\\\', 'a,b=c\\'],
    ['metadata.name =web-0', ''],
    ['metadata.namespace=soc', ''],
    ['metadata.name=web-0,metadata.name!=web-1', 'web-0'],
  ])('"%s" requires the name "%s"', (selector, name) => {
    expect(requiredName(selector)).toBe(name);
  });

  it.each([
    'metadata.name',
    'metadata.name=a=b',
    'metadata.name===a',
    'metadata.name=a\\b',
    'metadata.name=a\\',
    'metadata.name=a,metadata.name=b',
    'metadata.name=a,metadata.name=a',
  ])('is refused: %s', (selector) => {
    expect(refusal(() => requiredName(selector))).toEqual({
      code: 'KubernetesRequestRefused',
      field: 'fieldSelector',
    });
  });

  it.each(['web-0', 'a,b', 'a=b\\', '\\,='])('can be made for the name %s', (name) => {
    expect(requiredName(selectName(name))).toBe(name);
  });
});
