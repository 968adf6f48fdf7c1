import { describe, expect, it } from 'vitest';
import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { aKubernetesAttributes, kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

describe('a call to the API server', () => {
  it.each<[string, string, Partial<KubernetesAction>]>([
    ['GET', `${SOC}/pods/web-0`, { name: 'web-0' }],
    ['HEAD', `${SOC}/pods/web-0`, { name: 'web-0' }],
    ['GET', `${SOC}/pods`, { verb: 'list' }],
    ['HEAD', `${SOC}/pods`, { verb: 'list' }],
    ['GET', '/api/v1/pods', { verb: 'list', namespace: '' }],
    ['GET', `${SOC}/pods?watch=true`, { verb: 'watch' }],
    [
      'GET',
      `${SOC}/pods?watch=1&resourceVersion=5`,
      { verb: 'watch', queryParameters: { resourceVersion: '5' } },
    ],
    ['GET', `${SOC}/pods?watch=false`, { verb: 'list' }],
    // As Python's clients write it.
    ['GET', `${SOC}/pods?watch=True`, { verb: 'watch' }],
    ['GET', `${SOC}/pods?watch=False`, { verb: 'list' }],
    [
      'GET',
      `${SOC}/pods?fieldSelector=metadata.name%3Dweb-0`,
      { verb: 'list', name: 'web-0', queryParameters: { fieldSelector: 'metadata.name=web-0' } },
    ],
    [
      'GET',
      '/api/v1/watch/namespaces/soc/pods/web-0',
      { verb: 'watch', name: 'web-0', queryParameters: { fieldSelector: 'metadata.name=web-0' } },
    ],
    [
      'GET',
      '/api/v1/watch/namespaces/soc',
      {
        verb: 'watch',
        resource: 'namespaces',
        namespace: '',
        name: 'soc',
        queryParameters: { fieldSelector: 'metadata.name=soc' },
      },
    ],
    [
      'DELETE',
      `${SOC}/pods/web-0?dryRun=All`,
      { verb: 'delete', name: 'web-0', queryParameters: { dryRun: 'All' } },
    ],
    [
      'DELETE',
      `${SOC}/pods?labelSelector=a%3Db`,
      { verb: 'deletecollection', queryParameters: { labelSelector: 'a=b' } },
    ],
    [
      'DELETE',
      `${SOC}/pods?fieldSelector=metadata.name%3Dweb-0`,
      { verb: 'deletecollection', queryParameters: { fieldSelector: 'metadata.name=web-0' } },
    ],
    ['POST', `${SOC}/pods`, { verb: 'create' }],
    [
      'POST',
      `${SOC}/pods/web-0/eviction`,
      { verb: 'create', name: 'web-0', subresource: 'eviction' },
    ],
    [
      'POST',
      `${SOC}/pods/web-0/exec?command=id`,
      { verb: 'create', name: 'web-0', subresource: 'exec', queryParameters: { command: 'id' } },
    ],
    ['PUT', `${SOC}/pods/web-0/status`, { verb: 'update', name: 'web-0', subresource: 'status' }],
    ['GET', SOC, { resource: 'namespaces', name: 'soc' }],
    ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces', namespace: '' }],
    [
      'PUT',
      `${SOC}/finalize`,
      { verb: 'update', resource: 'namespaces', name: 'soc', subresource: 'finalize' },
    ],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      {
        apiGroup: 'rbac.authorization.k8s.io',
        resource: 'clusterroles',
        namespace: '',
        name: 'system:node',
      },
    ],
    [
      'POST',
      `${SOC}/pods?fieldManager=kubectl+create&pretty`,
      { verb: 'create', queryParameters: { fieldManager: 'kubectl create', pretty: '' } },
    ],
  ])('is read as RequestInfo reads it: %s %s', (method, target, expected) => {
    expect(kubernetes(method, target).action).toEqual(aKubernetesAttributes(expected));
  });

  it.each<[string, string, object]>([
    ['OPTIONS', `${SOC}/pods`, { code: 'MethodRefused' }],
    ['GET', `${SOC}/pods?watch=maybe`, { code: 'KubernetesRequestRefused', field: 'watch' }],
    ['GET', `${SOC}/pods?watch`, { code: 'KubernetesRequestRefused', field: 'watch' }],
    ['GET', `${SOC}/pods/web-0?watch=true`, { code: 'KubernetesRequestRefused', field: 'watch' }],
    ['DELETE', `${SOC}/pods?watch=true`, { code: 'KubernetesRequestRefused', field: 'watch' }],
    ['GET', '/api/v1/watch/pods?watch=false', { code: 'KubernetesRequestRefused', field: 'watch' }],
    ['GET', '/api/v1/watch/namespaces/soc/pods/web-0/log', { code: 'KubernetesRequestRefused' }],
    [
      'GET',
      '/api/v1/watch/namespaces/soc/pods/a?fieldSelector=x%3Dy',
      { code: 'KubernetesRequestRefused', field: 'fieldSelector' },
    ],
    ['DELETE', '/api/v1/watch/namespaces/soc/pods/web-0', { code: 'MethodRefused' }],
    [
      'GET',
      `${SOC}/pods?fieldSelector=metadata.name%3Da/b`,
      { code: 'KubernetesRequestRefused', field: 'fieldSelector' },
    ],
  ])('is refused: %s %s (%j)', (method, target, expected) => {
    expect(refusal(() => kubernetes(method, target))).toMatchObject(expected);
  });
});
