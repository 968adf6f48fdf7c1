import { describe, expect, it } from 'vitest';
import { kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

describe('a call to the API server that no grant may permit', () => {
  it.each<[string, string, object, Record<string, string>?]>([
    ['GET', `${SOC}/pods/web-0/proxy`, { code: 'KubernetesRequestRefused', field: 'subresource' }],
    ['GET', '/api/v1/nodes/n/proxy/metrics', { code: 'KubernetesRequestRefused' }],
    [
      'POST',
      `${SOC}/pods/web-0/attach`,
      { code: 'KubernetesRequestRefused', field: 'subresource' },
    ],
    [
      'POST',
      `${SOC}/pods/web-0/portforward`,
      { code: 'KubernetesRequestRefused', field: 'subresource' },
    ],
    [
      'GET',
      `${SOC}/pods/web-0/exec?command=id`,
      { code: 'KubernetesRequestRefused', field: 'subresource' },
    ],
    ['POST', `${SOC}/pods/web-0/exec`, { code: 'KubernetesRequestRefused', field: 'command' }],
    [
      'POST',
      `${SOC}/pods/web-0/exec?command=sh&stdin=true`,
      { code: 'KubernetesRequestRefused', field: 'stdin' },
    ],
    [
      'POST',
      `${SOC}/pods/web-0/exec?command=sh&tty=false`,
      { code: 'KubernetesRequestRefused', field: 'tty' },
    ],
    [
      'POST',
      `${SOC}/serviceaccounts/edr/token`,
      { code: 'KubernetesRequestRefused', field: 'subresource' },
    ],
    [
      'GET',
      '/apis/actiongrant.dev/v1alpha1/actiongrants',
      { code: 'KubernetesRequestRefused', field: 'apiGroup' },
    ],
    [
      'GET',
      '/apis/x.actiongrant.dev/v1/things',
      { code: 'KubernetesRequestRefused', field: 'apiGroup' },
    ],
    ['POST', `${SOC}/pods/web-0`, { code: 'KubernetesRequestRefused', field: 'name' }],
    ['PUT', `${SOC}/pods`, { code: 'KubernetesRequestRefused', field: 'name' }],
    [
      'PATCH',
      `${SOC}/pods`,
      { code: 'KubernetesRequestRefused', field: 'name' },
      { 'content-type': 'application/apply-patch+yaml' },
    ],
    [
      'GET',
      `${SOC}/pods/web-0`,
      { code: 'KubernetesRequestRefused', field: 'impersonate-group' },
      { 'Impersonate-Group': 'system:masters' },
    ],
    [
      'GET',
      `${SOC}/pods/web-0`,
      { code: 'HeaderRefused', field: 'x-remote-group' },
      { 'X-Remote-Group': 'system:masters' },
    ],
    ['GET', `${SOC}/pods/web-0`, { code: 'HeaderRefused', field: 'if-match' }, { 'If-Match': '1' }],
  ])('is refused: %s %s (%j)', (method, target, expected, headers = {}) => {
    expect(refusal(() => kubernetes(method, target, headers))).toMatchObject(expected);
  });
});

describe("a command of kubectl's that ends in a session", () => {
  const call = (command: string, method = 'GET', target = `${SOC}/pods/web-0`) =>
    kubernetes(method, target, { 'kubectl-command': command });

  it.each([
    'kubectl exec',
    'kubectl cp',
    'kubectl attach',
    'kubectl port-forward',
    'kubectl proxy',
    'oc rsh',
    'oc rsync',
  ])('%s is refused at its first call, before a grant for that is used up', (command) => {
    expect(() => call(command)).toThrow(
      expect.objectContaining({
        code: 'KubernetesRequestRefused',
        field: 'kubectl-command',
        detail: expect.stringMatching(`^${command}: .* none was used up\\.`),
      }),
    );
  });

  it.each(['kubectl get', 'kubectl executor', 'kubectl exec plugin', ''])(
    '"%s" is none',
    (command) => {
      expect(call(command).action.verb).toBe('get');
    },
  );
});
