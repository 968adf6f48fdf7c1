/** `helm test`: its program says ok where everything works, and what is wrong where it does not. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, runProgram } from '../support/hook-job.ts';
import { type Product, startProduct } from '../support/product.ts';

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
    ...environment,
  });

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

  test('fails when it may not create grants', async () => {
    const { code, output } = await run({
      ACTIONGRANT_KUBECONFIG: await plane.kubeconfigFor({ user: 'nobody' }),
    });
    expect(output).toContain('cannot create resource "actiongrants"');
    expect(code).toBe(1);
  });

  test('fails when nobody answers the webhooks', async () => {
    const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    await plane.api(
      'PATCH',
      `${configurations}/actiongrant`,
      [{ op: 'replace', path: '/webhooks/0/clientConfig/url', value: 'https://127.0.0.1:9/' }],
      { contentType: 'application/json-patch+json' },
    );
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
});
