import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProcessClient } from '../../../process/kubernetes-client.ts';
import { VERSION } from '../../../process/version.ts';
import { answer, StubApiServer } from '../../support/stub-api-server.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'actiongrant-client-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a client calls itself by its component and version', async () => {
  await using stub = await StubApiServer.start();
  stub.handler = (_request, response) => answer(response, 200, {});
  const server = {
    type: 'InCluster',
    host: '127.0.0.1',
    port: stub.port,
    directory: stub.directory,
  } as const;
  const client = await createProcessClient(server, 'uninstall');
  await client.raw('/version');
  await client.close();
  expect(stub.requests[0]?.headers['user-agent']).toBe(`actiongrant-uninstall/${VERSION}`);
});

test('a file that is no kubeconfig is named, and nothing that it holds', async () => {
  const path = join(directory, 'kubeconfig');
  writeFileSync(path, 'users: [{user: {token: hunter2}}\nclusters: ]');
  const error: unknown = await createProcessClient({ type: 'Kubeconfig', path }, 'test').catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    code: 'ConfigurationInvalid',
    detail: expect.stringContaining('ACTIONGRANT_KUBECONFIG names a file that cannot be used'),
  });
  expect(String(error)).not.toContain('hunter2');
});

test("a ServiceAccount that cannot be read is named by its directory and the error's code", async () => {
  const server = { type: 'InCluster', host: '127.0.0.1', port: 443, directory } as const;
  await expect(createProcessClient(server, 'test')).rejects.toMatchObject({
    code: 'ConfigurationInvalid',
    detail: `the pod's ServiceAccount in ${directory} cannot be used (ENOENT)`,
  });
});
