import { describe, expect, it } from 'vitest';
import { requestHeaders } from '../../../../sidecar/forward/request-headers.ts';
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

  it('is not refused for what its tracers say', () => {
    const { upstream } = kubernetes('GET', `${SOC}/pods`, {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'user=alice',
      'sentry-trace': '9e20b1a37dd44bcf915ed72196fb1f3d-9dbeb0ccf8abc1dc-1',
      'uber-trace-id': '80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1',
      'x-amzn-trace-id': 'not in its form',
      'x-cloud-trace-context': '105445aa7843bc8bf206b12000100000/1;o=1',
      'x-datadog-trace-id': '13771184127484461911',
      'x-request-id': '7b1c8e0a-7f0f-4b5f-9a35-2f6d1c6f9f01',
    });
    const sent = requestHeaders({ headers: upstream.headers, body: null }, [
      ['authorization', 'x'],
    ]);
    expect(sent.filter((_, index) => index % 2 === 0)).toEqual([
      'traceparent',
      'sentry-trace',
      'uber-trace-id',
      'x-cloud-trace-context',
      'x-datadog-trace-id',
      'x-request-id',
      'accept-encoding',
      'authorization',
    ]);
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
