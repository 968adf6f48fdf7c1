import { describe, expect, it } from 'vitest';
import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { aKubernetesAttributes, kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

const PATCH = (type: string) => ({ 'content-type': type });

describe('a call to the API server', () => {
  it.each<[string, Partial<KubernetesAction>, string]>([
    ['application/json-patch+json', { verb: 'patch', patchType: 'JSON' }, 'json'],
    ['application/merge-patch+json', { verb: 'patch', patchType: 'Merge' }, 'json'],
    [
      'application/strategic-merge-patch+json; charset=utf-8',
      { verb: 'patch', patchType: 'StrategicMerge' },
      'json',
    ],
    ['application/apply-patch+yaml', { verb: 'apply' }, 'yaml'],
  ])('is a patch by its content type: %s', (type, expected, json) => {
    const described = kubernetes('PATCH', `${SOC}/pods/web-0`, PATCH(type));
    expect(described.action).toEqual(aKubernetesAttributes({ name: 'web-0', ...expected }));
    expect(described.json).toBe(json);
  });

  it.each<[string, string, object, Record<string, string>?]>([
    ['PATCH', `${SOC}/pods/web-0`, { code: 'HeaderRefused', field: 'content-type' }],
    [
      'PATCH',
      `${SOC}/pods/web-0`,
      { code: 'HeaderRefused', field: 'content-type' },
      PATCH('application/json'),
    ],
    [
      'PATCH',
      `${SOC}/pods/web-0`,
      { code: 'HeaderRefused', field: 'content-type' },
      PATCH('application/apply-patch+cbor'),
    ],
    [
      'PATCH',
      `${SOC}/pods/web-0`,
      { code: 'HeaderRefused', field: 'content-type' },
      PATCH('application/merge-patch+json; x=y'),
    ],
    ['POST', `${SOC}/pods`, { code: 'HeaderRefused', field: 'content-type' }, PATCH('text/plain')],
    [
      'POST',
      `${SOC}/pods`,
      { code: 'ContentEncodingRefused', field: 'content-encoding' },
      { 'content-encoding': 'gzip', 'content-type': 'application/json' },
    ],
  ])('is refused: %s %s (%j)', (method, target, expected, headers = {}) => {
    expect(refusal(() => kubernetes(method, target, headers))).toMatchObject(expected);
  });

  it.each([
    ['POST', `${SOC}/pods`],
    ['PUT', `${SOC}/pods/web-0`],
    ['DELETE', `${SOC}/pods/web-0`],
    ['DELETE', `${SOC}/pods`],
  ])('has a body that is JSON if nothing says what it is: %s %s', (method, target) => {
    const described = kubernetes(method, target, { 'content-length': '2' });
    expect(described.json).toBe('json');
    expect(described.upstream.headers).toContainEqual(['content-type', 'application/json']);
    const empty = kubernetes(method, target, { 'content-length': '2', 'content-type': '' });
    expect(empty.upstream.headers).toEqual(described.upstream.headers);
    const bodiless = kubernetes(method, target).upstream.headers.map(([name]) => name);
    expect(bodiless).not.toContain('content-type');
  });
});
