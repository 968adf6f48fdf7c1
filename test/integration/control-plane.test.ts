import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import { eventually } from '../support/eventually.ts';
import { deletePod, issuePodToken, nodeKubeconfig } from '../support/kubelet.ts';
import { shareControlPlane } from '../support/shared.ts';

interface TokenReview {
  metadata: object;
  status: {
    authenticated?: boolean;
    audiences?: string[];
    user?: { username: string; extra?: Record<string, string[]> };
  };
}

const plane = await shareControlPlane();
let namespace: string;

beforeAll(async () => {
  namespace = await plane.createNamespace('control-plane');
});
afterAll(() => plane.disconnect());

function review(token: string): Promise<TokenReview> {
  return plane.api<TokenReview>('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token, audiences: [EXCHANGE_AUDIENCE] },
  });
}

describe('the shared control plane', () => {
  test('is a Kubernetes that bindings, credential IDs and native sidecars work on', async () => {
    const version = await plane.api<{ metadata: never; minor: string }>('GET', '/version');
    expect(Number.parseInt(version.minor, 10)).toBeGreaterThanOrEqual(33);
  });

  test('authorizes a client certificate by its user and groups', async () => {
    const as = await plane.kubeconfigFor({ user: 'jane', groups: ['soc'] });
    const whoami = await plane.kubectl(['auth', 'whoami', '-o', 'json'], { as });
    expect(JSON.parse(whoami.stdout).status.userInfo).toMatchObject({
      username: 'jane',
      groups: ['soc', 'system:authenticated'],
    });
    const denied = await plane.request('GET', '/api/v1/secrets', undefined, { as });
    expect(denied.status).toBe(403);
  });

  test('tells kubectl failures by their exit code', async () => {
    const result = await plane.kubectl(['get', 'namespace', 'there-is-none']);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('NotFound');
  });

  test('refuses a bearer token it never issued', async () => {
    const as = await plane.kubeconfigForToken('not-a-token');
    expect(await plane.request('GET', '/api', undefined, { as })).toMatchObject({ status: 401 });
  });
});

describe('the kubelet of the tests', () => {
  test('gets a token that names the pod, and only for our audience', async () => {
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: 'agent' });
    const { status } = await review(pod.token);
    expect(status).toMatchObject({ authenticated: true, audiences: [EXCHANGE_AUDIENCE] });
    expect(status.user).toMatchObject({
      username: `system:serviceaccount:${namespace}:agent`,
      extra: {
        'authentication.kubernetes.io/pod-name': [pod.podName],
        'authentication.kubernetes.io/pod-uid': [pod.podUid],
        'authentication.kubernetes.io/node-name': ['node-1'],
      },
    });
    const as = await plane.kubeconfigForToken(pod.token);
    expect(await plane.request('GET', '/api', undefined, { as })).toMatchObject({ status: 401 });
  });

  test('loses the token with the pod', async () => {
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: 'agent' });
    await deletePod(plane, namespace, pod.podName);
    // The API server looks the pod up in its own cache, which learns of the deletion a moment later; an answer from before
    // that is remembered for 10 s.
    await eventually(
      async () => expect((await review(pod.token)).status.authenticated).toBeUndefined(),
      { withinMilliseconds: 15_000, everyMilliseconds: 100 },
    );
  });

  test.for([
    ['no bound object', undefined, EXCHANGE_AUDIENCE],
    ['another pod UID', '00000000-0000-0000-0000-000000000000', EXCHANGE_AUDIENCE],
    ['an audience no volume of the pod names', 'the pod', 'https://elsewhere.example'],
  ] as const)('may not mint with %s', async ([, uid, audience]) => {
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: 'agent' });
    const boundObjectRef = {
      kind: 'Pod',
      name: pod.podName,
      uid: uid === 'the pod' ? pod.podUid : uid,
    };
    const { status } = await plane.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/agent/token`,
      { spec: { audiences: [audience], ...(uid && { boundObjectRef }) } },
      { as: await nodeKubeconfig(plane) },
    );
    expect([403, 409]).toContain(status);
  });

  test('may not mint for a pod of another node', async () => {
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: 'agent' });
    const boundObjectRef = { kind: 'Pod', name: pod.podName, uid: pod.podUid };
    const { status } = await plane.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/agent/token`,
      { spec: { audiences: [EXCHANGE_AUDIENCE], boundObjectRef } },
      { as: await nodeKubeconfig(plane, 'node-2') },
    );
    expect(status).toBe(403);
  });
});
