/** `helm test`: its program says ok where everything works, soon if not at once, and what is wrong where it does not. */

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { INJECTION_LABEL } from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { renderChart } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, runProgram } from '../support/hook-job.ts';
import { type Product, startProduct } from '../support/product.ts';
import { untilAllowed } from '../support/rbac.ts';

let plane: OwnControlPlane;
let product: Product;
let agents: string;
let labelled: string;
/** With the rights that the chart's hooks give. */
let tester: string;

beforeAll(async () => {
  plane = await startControlPlane();
  agents = await plane.createNamespace('agents');
  labelled = await plane.createNamespace('labelled', {
    [INJECTION_LABEL.name]: INJECTION_LABEL.value,
  });
  for (const where of [agents, labelled]) {
    await plane.api('POST', `/api/v1/namespaces/${where}/serviceaccounts`, {
      metadata: { name: 'default' },
    });
  }
  product = await startProduct(plane, {
    agentNamespaces: [agents, labelled],
    replicas: 1,
    replica: { environment: { ACTIONGRANT_SIDECAR_IMAGE: 'actiongrant:0.1.0' } },
  });
  tester = await createTester();
});
afterAll(async () => {
  await product.stop();
  await plane.stop();
});

/** As helm does before it runs the test's pod. */
async function createTester(): Promise<string> {
  const values = { rbac: { agentNamespaces: [agents, labelled] } };
  const hooks = (await renderChart(values, { hooks: true })).filter(
    ({ kind, metadata }) => kind !== 'Pod' && metadata.name.startsWith('actiongrant-test'),
  );
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', '-f', '-'], {
    input: hooks.map((hook) => `---\n${stringify(hook)}`).join(''),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { namespace } = product.chart;
  const user = `system:serviceaccount:${namespace}:actiongrant-test`;
  await untilAllowed(plane, { user }, ['create actiongrants.actiongrant.dev'], agents);
  for (const where of [agents, labelled]) {
    await untilAllowed(plane, { user }, ['create pods'], where);
  }
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/actiongrant-test`;
  const { status } = await plane.api<{ status: { token: string } } & KubeObject>(
    'POST',
    `${account}/token`,
    { spec: { expirationSeconds: 3600 } },
  );
  return plane.kubeconfigForToken(status.token);
}

const run = (environment: Record<string, string> = {}): Promise<ProgramResult> =>
  runProgram('dist/controller/installation-test/main.js', {
    ACTIONGRANT_CONTROLLER_URL: product.exchangeURL,
    ACTIONGRANT_CONTROLLER_CA: product.exchangeCAFile,
    ACTIONGRANT_AGENT_NAMESPACES: `${agents},${labelled}`,
    ACTIONGRANT_KUBECONFIG: tester,
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
    // The controller writes what sidecars read before it lets a pod in.
    const { code, output } = await run({ ACTIONGRANT_PATIENCE_SECONDS: '20' });
    expect(output).toContain(`\nCheck: a grant in ${agents} passes`);
    expect(output).toContain(`\nCheck: a pod in ${labelled} is injected`);
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
    for (const path of [
      `/apis/actiongrant.dev/v1alpha1/namespaces/${agents}/actiongrants`,
      `/api/v1/namespaces/${labelled}/pods`,
    ]) {
      const { items } = await plane.api<{ items: unknown[] } & KubeObject>('GET', path);
      expect(items).toEqual([]);
    }
  });

  test('tries no grant and no pod where there is no namespace for one', async () => {
    const { code, output } = await run({ ACTIONGRANT_AGENT_NAMESPACES: '' });
    expect(output).toContain('rbac.agentNamespaces is empty');
    expect(code).toBe(0);
  });

  test('tries no pod, and says so, where no namespace is labelled', async () => {
    const { code, output } = await run({ ACTIONGRANT_AGENT_NAMESPACES: agents });
    expect(output).toContain(
      'no pod was tried, because no namespace of rbac.agentNamespaces is labelled',
    );
    expect(output).not.toContain('Check: a pod in');
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
  });

  test('fails where a pod comes back as it was', async () => {
    // Of these, webhook and policies know nothing.
    const { code, output } = await run({
      ACTIONGRANT_INJECTION_SELECTOR: JSON.stringify({
        matchLabels: { 'kubernetes.io/metadata.name': agents },
      }),
    });
    expect(output).toContain(`\nCheck: a pod in ${agents} is injected`);
    expect(output).toMatch(/\nFailed: .*spec\.initContainers\[0\] is not actiongrant-init/);
    expect(output).toContain('inject-pod.actiongrant.dev');
    expect(code).toBe(1);
  });

  test('fails, in the words of the refusal, where no pod is let in', async () => {
    const path = `/api/v1/namespaces/${labelled}`;
    const patch = (value: string | null) =>
      plane.api(
        'PATCH',
        path,
        { metadata: { labels: { 'pod-security.kubernetes.io/enforce': value } } },
        { contentType: 'application/merge-patch+json' },
      );
    await patch('baseline');
    try {
      const { code, output } = await eventually(
        async () => {
          const result = await run();
          expect(result.output).not.toMatch(/\nok\n$/);
          return result;
        },
        { withinMilliseconds: 20_000, everyMilliseconds: 200 },
      );
      expect(output).toMatch(/\nFailed: Forbidden: .*violates PodSecurity "baseline/);
      expect(code).toBe(1);
    } finally {
      await patch(null);
    }
  });

  test('has no rights beyond what it tries', async () => {
    const may = async (...question: string[]) => {
      const { stdout } = await plane.kubectl(['auth', 'can-i', ...question], { as: tester });
      return stdout.trim();
    };
    for (const where of [agents, labelled]) {
      expect(await may('create', 'pods', '-n', where)).toBe('yes');
      expect(await may('get', 'pods', '-n', where)).toBe('no');
      expect(await may('create', 'pods', '--subresource=exec', '-n', where)).toBe('no');
    }
    expect(await may('create', 'pods', '-n', 'default')).toBe('no');
    expect(await may('list', 'namespaces')).toBe('no');
  });

  test('fails when the controller has another authority than the one that is published', async () => {
    const other = join(plane.directory, 'other-ca.crt');
    await writeFile(other, plane.caPem);
    const { code, output } = await run({ ACTIONGRANT_CONTROLLER_CA: other });
    expect(output).toMatch(/Failed: .*certificate/);
    expect(code).toBe(1);
  });

  test('waits until somebody answers sidecars', async () => {
    await using service = await lateService(2);
    const { code, output } = await run({
      ACTIONGRANT_CONTROLLER_URL: service.url,
      ACTIONGRANT_PATIENCE_SECONDS: '20',
    });
    expect(output.match(/^Trying again: /gm)).toHaveLength(2);
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
  });

  test('does not wait for a right that it has not', async () => {
    const { code, output } = await run({
      ACTIONGRANT_KUBECONFIG: await plane.kubeconfigFor({ user: 'nobody' }),
      ACTIONGRANT_PATIENCE_SECONDS: '20',
    });
    expect(output).not.toContain('Trying again');
    expect(output).toContain('cannot create resource "actiongrants"');
    expect(code).toBe(1);
  });

  test('says that a kubeconfig cannot be used, not what is in it', async () => {
    const broken = join(plane.directory, 'broken.kubeconfig');
    await writeFile(broken, 'users: [{user: {token: hunter2}}\nclusters: ]');
    const { code, output } = await run({ ACTIONGRANT_KUBECONFIG: broken });
    expect(output).toContain('\nFailed: ConfigurationInvalid: ACTIONGRANT_KUBECONFIG names');
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
    expect(output).toMatch(/^Trying again: .*failed calling webhook/m);
    expect(output).toMatch(/\nok\n$/);
    expect(code).toBe(0);
  });
});
