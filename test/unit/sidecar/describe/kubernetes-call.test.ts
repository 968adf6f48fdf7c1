import { describe, expect, it } from 'vitest';
import { kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

describe('a call to the API server', () => {
  it.each<[string, string, object, Record<string, string>?]>([
    ['GET', '/', { code: 'KubernetesRequestRefused' }],
    ['GET', '/healthz', { code: 'KubernetesRequestRefused' }],
    ['GET', '/metrics', { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/pods/`, { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/pods/web-0/log/x`, { code: 'KubernetesRequestRefused' }],
    [
      'POST',
      `${SOC}/pods/web-0/exec?command=sh&command=-c`,
      { code: 'RequestAmbiguous', field: 'command' },
    ],
    ['GET', `${SOC}/namespaces/soc`, { code: 'KubernetesRequestRefused' }],
    ['GET', '/api/v1/namespaces/SOC/pods', { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/Pods`, { code: 'KubernetesRequestRefused' }],
  ])('is refused: %s %s (%j)', (method, target, expected, headers = {}) => {
    expect(refusal(() => kubernetes(method, target, headers))).toMatchObject(expected);
  });
});
