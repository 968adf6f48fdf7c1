/** Which checks helm test makes, in order, and what it says of them. One server plays both the controller and the API server. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { testInstallation } from '../../../../controller/installation-test/installation-test.ts';
import { injected } from '../../../support/pods.ts';
import { answer, StubApiServer } from '../../../support/stub-api-server.ts';

const SELECTOR = { matchLabels: { 'actiongrant.dev/inject': 'enabled' } };
const LABELLED = new Set(['shop']);

let stub: StubApiServer;
let output: string[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  output = [];
  stub.handler = ({ method, path, body }, response) => {
    if (path === '/exchange') return answer(response, 401, {});
    const sent = body === '' ? {} : JSON.parse(body);
    const name = path.split('/').at(-1) ?? '';
    const metadata = { name, uid: 'u', resourceVersion: '1' };
    if (method === 'GET') {
      const labels = LABELLED.has(name) ? SELECTOR.matchLabels : {};
      return answer(response, 200, { metadata: { ...metadata, labels } });
    }
    if (name === 'pods') return answer(response, 201, { ...injected(sent), metadata });
    const spec = { ...sent.spec, requester: { username: 'me' } };
    return answer(response, 201, { ...sent, spec, metadata });
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

const run = (...agentNamespaces: string[]) =>
  testInstallation({
    controllerURL: `https://127.0.0.1:${stub.port}/exchange`,
    ca: readFileSync(join(stub.directory, 'ca.crt'), 'utf8'),
    agentNamespaces,
    injectionSelector: SELECTOR,
    connect: () => stub.client(),
    retry: (step) => step(),
    output: (line) => output.push(line),
  });
const asked = () => stub.requests.map(({ method, path }) => `${method} ${path}`);

test('the exchange, a grant in the first namespace and a pod in the labelled one are tried', async () => {
  await run('soc', 'shop');
  expect(output).toEqual([
    `Check: the exchange at https://127.0.0.1:${stub.port}/exchange answers with a certificate that sidecars trust.`,
    'Check: a grant in soc passes both webhooks and every policy.',
    'Check: a pod in shop is injected and passes every policy.',
  ]);
  expect(asked()).toEqual([
    'GET /exchange',
    'POST /apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants',
    'GET /api/v1/namespaces/soc',
    'GET /api/v1/namespaces/shop',
    'POST /api/v1/namespaces/shop/pods',
  ]);
});

test('nothing but the exchange is tried without a namespace', async () => {
  await run();
  expect(output.at(-1)).toBe(
    'Skipped: no grant and no pod was tried, because rbac.agentNamespaces is empty.',
  );
  expect(asked()).toEqual(['GET /exchange']);
});

test('no pod is tried where no namespace is labelled', async () => {
  await run('soc');
  expect(output.at(-1)).toMatch(/^Skipped: no pod was tried/);
  expect(asked()).not.toContain('POST /api/v1/namespaces/soc/pods');
});

test('the first check that fails ends the test, and the connections are closed', async () => {
  let closed = false;
  const failing = testInstallation({
    controllerURL: `https://127.0.0.1:${stub.port}/exchange`,
    ca: readFileSync(join(stub.directory, 'ca.crt'), 'utf8'),
    agentNamespaces: ['soc', 'shop'],
    injectionSelector: SELECTOR,
    async connect() {
      const client = await stub.client();
      return {
        ...client,
        close: async () => {
          closed = true;
        },
      };
    },
    retry: (step) => step(),
    output(line) {
      output.push(line);
      // From here on the API server answers nothing that is an object.
      if (line.includes('a grant in soc'))
        stub.handler = (_, response) => answer(response, 500, {});
    },
  });
  await expect(failing).rejects.toThrow('HTTP 500');
  expect(output).toHaveLength(2);
  expect(closed).toBe(true);
});
