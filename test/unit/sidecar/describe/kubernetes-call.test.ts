import { describe, expect, it } from 'vitest';
import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { aHead, aKubernetesHead, CONTEXT, describeHead, KUBERNETES } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

function kubernetes(method: string, target: string, headers: Record<string, string> = {}) {
  const described = describeHead(aKubernetesHead(method, target, headers), CONTEXT);
  if (described.kind !== 'kubernetes') throw new Error(described.kind);
  return described;
}

/** An action with what is not mentioned empty. */
function anAction(given: Partial<KubernetesAction>): Omit<KubernetesAction, 'body'> {
  const { body, ...rest } = given;
  return {
    type: 'Kubernetes',
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'soc',
    name: '',
    queryParameters: {},
    ...rest,
  };
}

const PATCH = (type: string) => ({ 'content-type': type });

describe('the user agent, of which the API server makes the manager of fields', () => {
  const AGENT = { 'user-agent': 'argocd-application-controller/v3' };
  const sentBy = (method: string, target: string, type?: string) =>
    kubernetes(method, target, {
      ...AGENT,
      ...(type === undefined ? {} : { 'content-type': type }),
    }).upstream.headers.filter(([name]) => name === 'user-agent');
  const JSON_TYPE = 'application/json';
  const ours = [['user-agent', 'actiongrant']];
  const theirs = [['user-agent', AGENT['user-agent']]];

  it.each([
    ['POST', `${SOC}/pods`, JSON_TYPE, ours],
    ['PUT', `${SOC}/pods/web-0`, JSON_TYPE, ours],
    ['PATCH', `${SOC}/pods/web-0`, 'application/merge-patch+json', ours],
    ['PUT', `${SOC}/pods/web-0?fieldManager=`, JSON_TYPE, ours],
    ['PUT', `${SOC}/pods/web-0?fieldManager=kubectl-replace`, JSON_TYPE, theirs],
    ['GET', `${SOC}/pods/web-0`, undefined, theirs],
    ['DELETE', `${SOC}/pods/web-0`, undefined, theirs],
  ])(
    "of %s %s is not the agent's choice unless the action names a manager",
    (method, target, type, sent) => {
      expect(sentBy(method, target, type)).toEqual(sent);
    },
  );
});

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
    expect(kubernetes(method, target).action).toEqual(anAction(expected));
  });

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
    expect(described.action).toEqual(anAction({ name: 'web-0', ...expected }));
    expect(described.json).toBe(json);
  });

  it.each<[string, string, string]>([
    ['GET', `${SOC}/pods?watch=1&limit=5`, `${SOC}/pods?limit=5&watch=true`],
    ['GET', '/api/v1/watch/namespaces/soc/pods', `${SOC}/pods?watch=true`],
    ['GET', SOC, SOC],
    ['PUT', `${SOC}/finalize`, `${SOC}/finalize`],
    ['GET', `${SOC}/p%6Fds/web-0?x=a+b`, `${SOC}/pods/web-0?x=a%20b`],
    ['GET', `${SOC}/pods?`, `${SOC}/pods`],
  ])('is sent in one form: %s %s', (method, target, sent) => {
    expect(kubernetes(method, target).upstream.path).toBe(sent);
  });

  it('is sent with inert headers alone, and the content type that was judged', () => {
    const head = aHead({
      connectAuthority: KUBERNETES,
      method: 'POST',
      target: `${SOC}/pods`,
      headers: {
        'Kubectl-Command': 'kubectl create',
        'Content-Type': 'application/json;charset=utf-8',
        'Content-Length': '2',
        Authorization: 'Bearer x',
        'X-Remote-User': 'admin',
      },
    });
    const careless = { ...CONTEXT, inertHeaders: new Set(['x-remote-user']) };
    expect(describeHead(head, careless).upstream.headers).toEqual([
      ['kubectl-command', 'kubectl create'],
      ['content-type', 'application/json'],
      ['user-agent', 'actiongrant'],
    ]);
  });

  it.each<[string, string, string]>([
    ['GET', '/api', '/api'],
    ['GET', '/api/v1?timeout=32s', '/api/v1?timeout=32s'],
    ['HEAD', '/apis/apps/v1', '/apis/apps/v1'],
    ['GET', '/openapi/v3/apis/apps/v1?hash=AB', '/openapi/v3/apis/apps/v1?hash=AB'],
    ['GET', '/version', '/version'],
  ])('is discovery: %s %s', (method, target, sent) => {
    const described = describeHead(aKubernetesHead(method, target), CONTEXT);
    expect(described).toMatchObject({ kind: 'discovery', upstream: { path: sent } });
  });

  it.each(['if-none-match', 'if-modified-since'])(
    'is discovery also with the %s of a client that has it in its cache, and only then',
    (name) => {
      const describeWith = (target: string) =>
        describeHead(aKubernetesHead('GET', target, { [name]: 'x' }), CONTEXT);
      const described = describeWith('/openapi/v3');
      expect(described.kind).toBe('discovery');
      expect(described.upstream.headers.map(([sent]) => sent)).not.toContain(name);
      const object = refusal(() => describeWith(`${SOC}/pods/web-0`));
      expect(object).toMatchObject({ code: 'HeaderRefused', field: name });
    },
  );

  it.each<[string, string, object, Record<string, string>?]>([
    ['POST', '/api', { code: 'MethodRefused' }],
    ['GET', '/api?command=x', { code: 'KubernetesRequestRefused', field: 'command' }],
    ['OPTIONS', `${SOC}/pods`, { code: 'MethodRefused' }],
    ['GET', '/', { code: 'KubernetesRequestRefused' }],
    ['GET', '/healthz', { code: 'KubernetesRequestRefused' }],
    ['GET', '/metrics', { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/pods/`, { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/pods/web-0/log/x`, { code: 'KubernetesRequestRefused' }],
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
      `${SOC}/pods/web-0/exec?command=sh&command=-c`,
      { code: 'RequestAmbiguous', field: 'command' },
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
      PATCH('application/apply-patch+yaml'),
    ],
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
    ['GET', `${SOC}/namespaces/soc`, { code: 'KubernetesRequestRefused' }],
    ['GET', '/api/v1/namespaces/SOC/pods', { code: 'KubernetesRequestRefused' }],
    ['GET', `${SOC}/Pods`, { code: 'KubernetesRequestRefused' }],
    [
      'GET',
      `${SOC}/pods?fieldSelector=metadata.name%3Da/b`,
      { code: 'KubernetesRequestRefused', field: 'fieldSelector' },
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
