import { describe, expect, it } from 'vitest';
import { aHead, CONTEXT, describeHead, KUBERNETES, kubernetes } from './heads.ts';

const SOC = '/api/v1/namespaces/soc';

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
});
