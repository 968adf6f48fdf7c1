import { describe, expect, it } from 'vitest';
import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { aKubernetesAttributes, kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

const PATCH = (type: string) => ({ 'content-type': type });

describe('a call to the API server', () => {
  it.each<[string, Partial<KubernetesAction>, string]>([
    ['application/json-patch+json', { verb: 'patch', patchType: 'JSON' }, 'required'],
    ['application/merge-patch+json', { verb: 'patch', patchType: 'Merge' }, 'required'],
    [
      'application/strategic-merge-patch+json; charset=utf-8',
      { verb: 'patch', patchType: 'StrategicMerge' },
      'required',
    ],
    ['application/apply-patch+yaml', { verb: 'apply' }, 'possible'],
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
  ])('is refused: %s %s (%j)', (method, target, expected, headers = {}) => {
    expect(refusal(() => kubernetes(method, target, headers))).toMatchObject(expected);
  });
});
