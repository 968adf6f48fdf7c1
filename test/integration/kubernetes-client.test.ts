import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { configMaps, secrets, serviceAccounts } from '../../core/kubernetes/resources.ts';
import type { KubernetesServer } from '../../core/kubernetes/server.ts';
import { systemClock } from '../../core/time/clock.ts';
import { eventually } from '../support/eventually.ts';
import { shareControlPlane } from '../support/shared.ts';

const plane = await shareControlPlane();
const clients: KubernetesClient[] = [];
let client: KubernetesClient;
let namespace: string;

async function connect(server: KubernetesServer): Promise<KubernetesClient> {
  const made = await createKubernetesClient({
    server,
    userAgent: 'actiongrant-test/0',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  clients.push(made);
  return made;
}

beforeAll(async () => {
  client = await connect({ type: 'Kubeconfig', path: plane.adminKubeconfig });
  namespace = await plane.createNamespace('client');
});
afterAll(async () => {
  await Promise.all(clients.map((each) => each.close()));
  await plane.disconnect();
});

const map = (name: string, data = {}) => ({ metadata: { namespace, name }, data });
const secret = (name: string, finalizers: string[] = []) =>
  client.create(secrets, { metadata: { namespace, name, finalizers }, type: 'Opaque' });

describe('against a real API server', () => {
  it('objects are created, read, listed, replaced and patched', async () => {
    const made = await client.create(configMaps, map('verbs', { a: '1' }));
    expect(made).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } });
    const reference = { namespace, name: 'verbs' };
    expect((await client.get(configMaps, reference)).metadata.uid).toBe(made.metadata.uid);
    await client.replace(configMaps, { ...made, data: { a: '2' } });
    const patches = [
      { type: 'Merge', body: { data: { b: '1' } } },
      { type: 'StrategicMerge', body: { data: { c: '1' } } },
      { type: 'JSON', body: [{ op: 'add', path: '/data/d', value: '1' }] },
    ] as const;
    for (const patch of patches) await client.patch(configMaps, reference, patch);
    const applied = { ...map('verbs', { e: '1' }), apiVersion: 'v1', kind: 'ConfigMap' };
    await client.patch(
      configMaps,
      reference,
      { type: 'Apply', body: applied },
      { fieldManager: 'x' },
    );
    const { items } = await client.list(configMaps, {
      namespace,
      fieldSelector: 'metadata.name=verbs',
    });
    expect(items).toMatchObject([
      { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '2', b: '1', c: '1', d: '1', e: '1' } },
    ]);
  });

  it('a list comes in pages', async () => {
    for (const name of ['p1', 'p2', 'p3']) {
      await client.create(configMaps, { metadata: { namespace, name, labels: { page: 'yes' } } });
    }
    const first = await client.list(configMaps, { namespace, labelSelector: 'page=yes', limit: 2 });
    expect(first.items).toHaveLength(2);
    const rest = await client.list(configMaps, {
      namespace,
      labelSelector: 'page=yes',
      limit: 2,
      continue: first.metadata.continue ?? '',
    });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(['p3']);
    expect(rest.metadata.continue ?? '').toBe('');
  });

  it('a refused write says why by its kind', async () => {
    const made = await client.create(configMaps, map('refused'));
    await client.replace(configMaps, { ...made, data: { a: '1' } });
    const stale = client.replace(configMaps, made);
    await expect(stale).rejects.toMatchObject({ kind: 'Conflict', reason: 'Conflict' });
    const { resourceVersion: _, ...metadata } = made.metadata;
    const other = client.replace(configMaps, { metadata: { ...metadata, uid: randomUUID() } });
    await expect(other).rejects.toMatchObject({ kind: 'Conflict' });
    await expect(client.create(configMaps, map('refused'))).rejects.toMatchObject({
      kind: 'AlreadyExists',
    });
    await expect(client.create(configMaps, map('Not Valid'))).rejects.toMatchObject({
      kind: 'Invalid',
      httpStatus: 422,
    });
    await expect(client.get(configMaps, { namespace, name: 'none' })).rejects.toMatchObject({
      kind: 'NotFound',
    });
    const asNobody = await connect({
      type: 'Kubeconfig',
      path: await plane.kubeconfigFor({ user: 'nobody' }),
    });
    await expect(asNobody.create(configMaps, map('a'))).rejects.toMatchObject({
      kind: 'Forbidden',
    });
    const unknown = await connect({
      type: 'Kubeconfig',
      path: await plane.kubeconfigForToken('unknown'),
    });
    await expect(unknown.create(configMaps, map('a'))).rejects.toMatchObject({
      kind: 'Unauthorized',
    });
  });

  it('a deletion says whether the object that was meant is gone', async () => {
    const first = await secret('gone');
    const reference = { namespace, name: 'gone' };
    const uid = first.metadata.uid;
    expect(await client.delete(secrets, reference, { uid: randomUUID() })).toBe('uidMismatch');
    expect(await client.delete(secrets, reference, { uid })).toBe('deleted');
    expect(await client.delete(secrets, reference, { uid })).toBe('notFound');
    await secret('gone');
    expect(await client.delete(secrets, reference, { uid })).toBe('uidMismatch');
  });

  it('a deletion that a finalizer holds is not done until it is', async () => {
    const held = await secret('held', ['example.com/hold']);
    const reference = { namespace, name: 'held' };
    const options = { uid: held.metadata.uid };
    expect(await client.delete(secrets, reference, options)).toBe('terminating');
    expect(await client.delete(secrets, reference, options)).toBe('terminating');
    await client.patch(secrets, reference, {
      type: 'Merge',
      body: { metadata: { finalizers: null } },
    });
    expect(await client.delete(secrets, reference, options)).toBe('notFound');
  });

  it('a deletion of the wrong version is a conflict, not a proof', async () => {
    const made = await secret('version');
    const deletion = client.delete(
      secrets,
      { namespace, name: 'version' },
      { uid: made.metadata.uid, resourceVersion: '1' },
    );
    await expect(deletion).rejects.toMatchObject({ kind: 'Conflict' });
  });

  it('a dry run changes nothing', async () => {
    await client.create(configMaps, map('dry'), { dryRun: true });
    await expect(client.get(configMaps, { namespace, name: 'dry' })).rejects.toMatchObject({
      kind: 'NotFound',
    });
  });

  it('a bound token is minted, reviewed and dead once its Secret is gone', async () => {
    await client.create(serviceAccounts, { metadata: { namespace, name: 'edr' } });
    const bound = await secret('bound');
    const minted = await client.tokenRequest(
      { namespace, name: 'edr' },
      {
        audiences: ['https://edr.example.com'],
        expirationSeconds: 600,
        boundObjectRef: {
          apiVersion: 'v1',
          kind: 'Secret',
          name: 'bound',
          uid: bound.metadata.uid,
        },
      },
    );
    expect(Date.parse(minted.expirationTimestamp)).toBeGreaterThan(Date.now());
    const spec = { token: minted.token, audiences: ['https://edr.example.com'] };
    await client.delete(secrets, { namespace, name: 'bound' }, { uid: bound.metadata.uid });
    // Its cache of Secrets may be behind, and what it accepted it accepts for 10 s more.
    await eventually(
      async () => expect(await client.tokenReview(spec)).not.toHaveProperty('authenticated', true),
      { withinMilliseconds: 15_000, everyMilliseconds: 50 },
    );
    const again = client.tokenRequest(
      { namespace, name: 'edr' },
      {
        audiences: ['x'],
        boundObjectRef: {
          apiVersion: 'v1',
          kind: 'Secret',
          name: 'bound',
          uid: bound.metadata.uid,
        },
      },
    );
    await expect(again).rejects.toMatchObject({ kind: 'NotFound' });
  });

  it('access is reviewed', async () => {
    const resourceAttributes = { namespace, verb: 'delegate', resource: 'serviceaccounts' };
    const review = (groups: string[]) =>
      client.subjectAccessReview({ user: 'jane', groups, resourceAttributes });
    expect((await review(['system:masters'])).allowed).toBe(true);
    expect((await review([])).allowed).toBe(false);
  });

  it('the keys of ServiceAccount tokens are read', async () => {
    expect(await client.raw('/openid/v1/jwks')).toMatchObject({ keys: [{ kty: 'EC' }] });
    expect(await client.raw('/.well-known/openid-configuration')).toMatchObject({
      issuer: plane.serviceAccountIssuer,
    });
  });

  it('a watch tells changes as they happen', async () => {
    const { metadata } = await client.list(configMaps, { namespace });
    const stopping = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      const events = client.watch(configMaps, {
        namespace,
        resourceVersion: metadata.resourceVersion,
        signal: stopping.signal,
      });
      for await (const event of events) {
        if (event.type === 'BOOKMARK') continue;
        seen.push(`${event.type} ${event.object.metadata.name}`);
        if (event.type === 'DELETED') return;
      }
    })();
    await client.create(configMaps, map('watched'));
    await client.patch(
      configMaps,
      { namespace, name: 'watched' },
      { type: 'Merge', body: { data: { a: '1' } } },
    );
    await client.delete(configMaps, { namespace, name: 'watched' });
    await watching;
    expect(seen).toEqual(['ADDED watched', 'MODIFIED watched', 'DELETED watched']);
  });
});

describe('credentials', () => {
  const whoAmI = async (by: KubernetesClient) =>
    (await by.get(configMaps, { namespace: 'kube-system', name: 'none' }).catch(String)) as string;

  it('come from a client certificate', async () => {
    const path = await plane.kubeconfigFor({ user: 'jane' });
    expect(await whoAmI(await connect({ type: 'Kubeconfig', path }))).toContain('User "jane"');
  });

  it('come from an exec plugin', async () => {
    const path = join(plane.directory, `exec-${randomUUID()}.kubeconfig`);
    const { token } = await client.tokenRequest(await account('plugged'), {
      audiences: [plane.serviceAccountIssuer],
    });
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token },
    };
    const program = `process.stdout.write(${JSON.stringify(JSON.stringify(credential))})`;
    writeKubeconfig(path, {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: ['-e', program],
        interactiveMode: 'Never',
      },
    });
    const asPlugged = await connect({ type: 'Kubeconfig', path });
    expect(await whoAmI(asPlugged)).toContain(`system:serviceaccount:${namespace}:plugged`);
  });

  it("come from a pod's own files", async () => {
    const directory = join(plane.directory, `pod-${randomUUID()}`);
    mkdirSync(directory);
    const { token } = await client.tokenRequest(await account('pod'), {
      audiences: [plane.serviceAccountIssuer],
    });
    writeFileSync(join(directory, 'token'), token);
    writeFileSync(join(directory, 'ca.crt'), plane.caPem);
    const { hostname, port } = new URL(plane.url);
    const asPod = await connect({
      type: 'InCluster',
      host: hostname,
      port: Number(port),
      directory,
    });
    expect(await whoAmI(asPod)).toContain(`system:serviceaccount:${namespace}:pod`);
  });

  async function account(name: string) {
    await client.create(serviceAccounts, { metadata: { namespace, name } });
    return { namespace, name };
  }

  function writeKubeconfig(path: string, user: object): void {
    const cluster = {
      server: plane.url,
      'certificate-authority-data': Buffer.from(plane.caPem).toString('base64'),
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  }
});
