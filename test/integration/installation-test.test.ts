/** `helm test`: its program says ok where everything works, soon if not at once, and what is wrong where it does not. */

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, runProgram } from '../support/hook-job.ts';
import { type Product, startProduct } from '../support/product.ts';
import { untilAllowed } from '../support/rbac.ts';

let plane: OwnControlPlane;
let product: Product;
let agents: string;
let requester: string;

beforeAll(async () => {
  plane = await startControlPlane();
  agents = await plane.createNamespace('agents');
  product = await startProduct(plane, { agentNamespaces: [agents], replicas: 1 });
  const rbac = 'rbac.authorization.k8s.io';
  await plane.api('POST', `/apis/${rbac}/v1/namespaces/${agents}/rolebindings`, {
    metadata: { name: 'actiongrant-test' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'actiongrant-requester' },
    subjects: [{ kind: 'User', apiGroup: rbac, name: 'tester' }],
  });
  await untilAllowed(plane, { user: 'tester' }, ['create actiongrants.actiongrant.dev'], agents);
  requester = await plane.kubeconfigFor({ user: 'tester' });
});
afterAll(async () => {
  await product.stop();
  await plane.stop();
});

const run = (environment: Record<string, string> = {}): Promise<ProgramResult> =>
  runProgram('dist/controller/installation-test/main.js', {
    ACTIONGRANT_CONTROLLER_URL: product.exchangeURL,
    ACTIONGRANT_CONTROLLER_CA: product.exchangeCAFile,
    ACTIONGRANT_GRANT_NAMESPACE: agents,
    ACTIONGRANT_KUBECONFIG: requester,
    ACTIONGRANT_PATIENCE_SECONDS: '0',
    ...environment,
  });

/** In front of the controller: like a node that hears late of the Service's first endpoint. */
async function lateService(resetFirst: number): Promise<{ url: string } & AsyncDisposable> {
  const { hostname, port } = new URL(product.exchangeURL);
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    if (accepted <= resetFirst) {
      socket.resetAndDestroy();
      return;
    }
    const onward = connect(Number(port), hostname);
    for (const end of [socket, onward]) open.add(end.once('close', () => open.delete(end)));
    // Either end may go away: the other follows.
    pipeline(socket, onward, socket).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function sendWebhookTo(url: string): Promise<void> {
  const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await plane.api(
    'PATCH',
    `${configurations}/actiongrant`,
    [{ op: 'replace', path: '/webhooks/0/clientConfig/url', value: url }],
    { contentType: 'application/json-patch+json' },
  );
}

describe('helm test', () => {
  test('passes where exchange, webhooks and policies work, and stores nothing', async () => {
    const { code, output } = await run();
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
    const { items } = await plane.api<{ items: unknown[] } & Awaited<ReturnType<typeof plane.api>>>(
      'GET',
      `/apis/actiongrant.dev/v1alpha1/namespaces/${agents}/actiongrants`,
    );
    expect(items).toEqual([]);
  });

  test('tries no grant where there is no namespace for one', async () => {
    const { code, output } = await run({ ACTIONGRANT_GRANT_NAMESPACE: '' });
    expect(output).toContain('rbac.agentNamespaces is empty');
    expect(code).toBe(0);
  });

  test('fails when the controller has another authority than the one that is published', async () => {
    const other = join(plane.directory, 'other-ca.crt');
    await writeFile(other, plane.caPem);
    const { code, output } = await run({ ACTIONGRANT_CONTROLLER_CA: other });
    expect(output).toMatch(/No: .*certificate/);
    expect(code).toBe(1);
  });

  test('waits until somebody answers sidecars', async () => {
    await using service = await lateService(2);
    const { code, output } = await run({
      ACTIONGRANT_CONTROLLER_URL: service.url,
      ACTIONGRANT_PATIENCE_SECONDS: '20',
    });
    expect(output.match(/^Not yet: /gm)).toHaveLength(2);
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
  });

  test('does not wait for a right that it has not', async () => {
    const { code, output } = await run({
      ACTIONGRANT_KUBECONFIG: await plane.kubeconfigFor({ user: 'nobody' }),
      ACTIONGRANT_PATIENCE_SECONDS: '20',
    });
    expect(output).not.toContain('Not yet');
    expect(output).toContain('cannot create resource "actiongrants"');
    expect(code).toBe(1);
  });

  test('says that a kubeconfig cannot be used, not what is in it', async () => {
    const broken = join(plane.directory, 'broken.kubeconfig');
    await writeFile(broken, 'users: [{user: {token: hunter2}}\nclusters: ]');
    const { code, output } = await run({ ACTIONGRANT_KUBECONFIG: broken });
    expect(output).toContain('\nNo: ConfigurationInvalid: ACTIONGRANT_KUBECONFIG names');
    expect(output).not.toContain('hunter2');
    expect(code).toBe(1);
  });

  test('fails when nobody answers the webhooks', async () => {
    await sendWebhookTo('https://127.0.0.1:9/');
    // The API server learns of it from a watch.
    const { code, output } = await eventually(
      async () => {
        const result = await run();
        expect(result.output).not.toMatch(/\nok\n$/);
        return result;
      },
      { withinMilliseconds: 10_000, everyMilliseconds: 200 },
    );
    expect(output).toContain('failed calling webhook');
    expect(code).toBe(1);
  });

  test('waits until somebody answers the webhooks', async () => {
    await using service = await lateService(2);
    // Nobody has answered them since the test before.
    await sendWebhookTo(`${service.url}/admission/stamp-requester`);
    const { code, output } = await run({ ACTIONGRANT_PATIENCE_SECONDS: '20' });
    expect(output).toMatch(/^Not yet: .*failed calling webhook/m);
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
  });
});
