/**
 * The program that runs before the release is deleted: what it revokes where it cannot revoke all, and what it says where it
 * cannot begin. As a hook of the chart, with the rights that it has there: chart-lifecycle.test.ts.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { installCrds } from '../support/crds.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, runProgram } from '../support/hook-job.ts';
import { type StoredGrant, storeGrant } from '../support/stored-grant.ts';

let plane: OwnControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
  await installCrds(plane);
});
afterAll(() => plane.stop());

const run = (environment: Record<string, string> = {}): Promise<ProgramResult> =>
  runProgram('dist/controller/uninstall/main.js', {
    ACTIONGRANT_NAMESPACE: 'actiongrant-system',
    ACTIONGRANT_RELEASE_NAME: 'actiongrant',
    ACTIONGRANT_RELEASE_REVISION: '7',
    ACTIONGRANT_INJECTION_SELECTOR: '{"matchLabels":{"actiongrant.dev/inject":"enabled"}}',
    ACTIONGRANT_KUBECONFIG: plane.adminKubeconfig,
    ACTIONGRANT_PATIENCE_SECONDS: '0',
    ...environment,
  });

const statusOf = async (path: string): Promise<number> => (await plane.request('GET', path)).status;

describe('a grant that cannot be revoked', () => {
  let held: StoredGrant;
  let other: StoredGrant;

  /** In the order in which the API server lists them. */
  beforeEach(async () => {
    const [first, second] = [await plane.createNamespace('a'), await plane.createNamespace('b')];
    const finalizers = ['example.com/hold'];
    held = await storeGrant(plane, { phase: 'Approved', namespace: first, finalizers });
    other = await storeGrant(plane, { phase: 'Approved', namespace: second });
    return async () => {
      await release(held);
      await plane.request('DELETE', held.grant);
    };
  });

  const release = ({ secret }: StoredGrant): Promise<unknown> =>
    plane.request(
      'PATCH',
      secret,
      { metadata: { finalizers: null } },
      { contentType: 'application/merge-patch+json' },
    );

  test('is named with the reason, and those behind it are revoked', async () => {
    const { code, output } = await run();
    expect(await statusOf(other.secret)).toBe(404);
    expect(await statusOf(other.grant)).toBe(404);
    expect(await statusOf(held.grant)).toBe(200);
    expect(output).toContain('Grants revoked: 1.\n');
    const [, namespace, secret] = /namespaces\/([^/]+)\/secrets\/(.+)/.exec(held.secret) ?? [];
    expect(output).toContain(`could not be revoked:\n  ${namespace}/${held.name}: `);
    expect(output).toContain(`Secret ${namespace}/${secret} has a finalizer`);
    expect(code).toBe(1);
  });

  test('is asked again until it can, and all that were revoked are counted', async () => {
    const running = run({ ACTIONGRANT_PATIENCE_SECONDS: '20' });
    await eventually(async () => expect(await statusOf(other.grant)).toBe(404), {
      withinMilliseconds: 20_000,
      everyMilliseconds: 50,
    });
    await release(held);
    const { code, output } = await running;
    expect(output).toMatch(/^Trying again: .*has a finalizer/m);
    expect(output).toMatch(/^Grants revoked: 2\.\n$/m);
    expect(code).toBe(0);
    expect(await statusOf(held.grant)).toBe(404);
  });
});

describe('a job that cannot begin says why', () => {
  test('when nobody answers for the API server, after a while', async () => {
    const kubeconfig = join(plane.directory, 'nobody-there.kubeconfig');
    const text = await readFile(plane.adminKubeconfig, 'utf8');
    await writeFile(kubeconfig, text.replaceAll(plane.url, 'https://127.0.0.1:9'));
    const { code, output } = await run({
      ACTIONGRANT_KUBECONFIG: kubeconfig,
      ACTIONGRANT_PATIENCE_SECONDS: '2',
    });
    expect(output).toMatch(/^Trying again: .*ECONNREFUSED/m);
    expect(output).toMatch(
      /^ActionGrant is not uninstalled: namespaces could not be listed \(Unavailable: .*ECONNREFUSED.*\)\.$/m,
    );
    expect(output).not.toContain('revoked');
    expect(code).toBe(1);
  });

  test('at once when it may not list namespaces', async () => {
    const { code, output } = await run({
      ACTIONGRANT_KUBECONFIG: await plane.kubeconfigFor({ user: 'nobody' }),
      ACTIONGRANT_PATIENCE_SECONDS: '20',
    });
    expect(output).not.toContain('Trying again');
    expect(output).toMatch(
      /not uninstalled: namespaces could not be listed \(Forbidden: .*cannot list resource "namespaces"/,
    );
    expect(code).toBe(1);
  });

  test('when a setting is wrong, without what is in a kubeconfig', async () => {
    const wrong = await run({ ACTIONGRANT_INJECTION_SELECTOR: '{"team":"soc"}' });
    expect(wrong.output).toMatch(
      /^ActionGrant is not uninstalled: ConfigurationInvalid: ACTIONGRANT_INJECTION_SELECTOR must be/m,
    );
    expect(wrong.code).toBe(1);
    const kubeconfig = join(plane.directory, 'broken.kubeconfig');
    await writeFile(kubeconfig, 'users: [{user: {token: hunter2}}\nclusters: ]');
    const { code, output } = await run({ ACTIONGRANT_KUBECONFIG: kubeconfig });
    expect(output).toMatch(/not uninstalled: ConfigurationInvalid: ACTIONGRANT_KUBECONFIG names/);
    expect(output).not.toContain('hunter2');
    expect(code).toBe(1);
  });
});

describe('namespaces that are still injected', () => {
  test.for<[selector: object, advice: string]>([
    [{ matchLabels: { agents: 'yes', team: 'soc' } }, '  kubectl label namespace NAME agents-\n'],
    [
      { matchLabels: { team: 'soc' }, matchExpressions: [{ key: 'agents', operator: 'Exists' }] },
      '  kubectl label namespace NAME team-\n',
    ],
    [
      {
        matchExpressions: [
          { key: 'agents', operator: 'In', values: ['yes'] },
          { key: 'quiet', operator: 'DoesNotExist' },
        ],
      },
      'so that this selector no longer selects them: {"matchExpressions":[{"key":"agents","operator":"In","values":["yes"]},{"key":"quiet","operator":"DoesNotExist"}]}\n',
    ],
  ])('selected by %j', async ([selector, advice]) => {
    const name = await plane.createNamespace('agents', { agents: 'yes', team: 'soc' });
    const { code, output } = await run({
      ACTIONGRANT_INJECTION_SELECTOR: JSON.stringify(selector),
    });
    expect(output).toContain(`still injected in ${name}.`);
    expect(output).toContain(advice.replace('NAME', name));
    expect(code).toBe(1);
    await plane.api('DELETE', `/api/v1/namespaces/${name}`);
  });
});
