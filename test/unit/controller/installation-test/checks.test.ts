/** What helm test makes of the answers of the controller and the API server. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  exchangeAnswers,
  firstInjectedNamespace,
  grantIsAdmitted,
  podIsInjected,
} from '../../../../controller/installation-test/checks.ts';
import { createAuthority } from '../../../support/pki.ts';
import { injected } from '../../../support/pods.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const SELECTOR = { matchLabels: { 'actiongrant.dev/inject': 'enabled' } };

let stub: StubApiServer;

beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

const stored = (object: object, metadata: object = {}): object => ({
  ...object,
  metadata: { name: 'any', uid: 'u', resourceVersion: '1', ...metadata },
});

test('a pod that comes back injected is what was wanted, and is never stored', async () => {
  stub.handler = ({ body }, response) =>
    answer(response, 201, stored(injected(JSON.parse(body) as object)));
  await podIsInjected(await stub.client(), 'soc');
  expect(stub.requests).toHaveLength(1);
  const [{ method, path, query } = {}] = stub.requests;
  expect({ method, path }).toEqual({ method: 'POST', path: '/api/v1/namespaces/soc/pods' });
  expect(query?.get('dryRun')).toBe('All');
});

test('a pod that comes back as it was is said to be none, and may still become one', async () => {
  stub.handler = ({ body }, response) => answer(response, 201, stored(JSON.parse(body) as object));
  await expect(podIsInjected(await stub.client(), 'soc')).rejects.toMatchObject({
    retryable: true,
    detail: expect.stringMatching(
      /spec\.initContainers\[0\] is not actiongrant-init as it is injected\)\. Are the webhook/,
    ),
  });
});

test('the first namespace with the label is tried, in the order of the release', async () => {
  const labelled = new Set(['shop', 'soc']);
  stub.handler = ({ path }, response) => {
    const name = path.slice('/api/v1/namespaces/'.length);
    answer(
      response,
      200,
      stored({}, { name, ...(labelled.has(name) && { labels: SELECTOR.matchLabels }) }),
    );
  };
  const client = await stub.client();
  const first = (...names: string[]) => firstInjectedNamespace(client, names, SELECTOR);
  expect(await first('grants', 'soc', 'shop')).toBe('soc');
  expect(await first('shop', 'soc')).toBe('shop');
  expect(await first('grants')).toBeUndefined();
  expect(await first()).toBeUndefined();
});

test('a namespace that is not there is an error, and no namespace without the label', async () => {
  stub.handler = (_request, response) => answer(response, 404, status(404, 'NotFound'));
  const missing = firstInjectedNamespace(await stub.client(), ['gone'], SELECTOR);
  await expect(missing).rejects.toMatchObject({ kind: 'NotFound' });
});

test('any answer over a verified connection shows that the exchange is there', async () => {
  stub.handler = (_request, response) => answer(response, 401, {});
  const ca = readFileSync(join(stub.directory, 'ca.crt'), 'utf8');
  await exchangeAnswers(`https://127.0.0.1:${stub.port}`, ca);
});

test('an exchange with a certificate of another authority is none', async () => {
  const { certificate } = await createAuthority('another');
  await expect(exchangeAnswers(`https://127.0.0.1:${stub.port}`, certificate)).rejects.toThrow(
    /certificate/,
  );
  expect(stub.requests).toEqual([]);
});

test('a grant that comes back with its requester passed the webhooks, and is never stored', async () => {
  stub.handler = ({ body }, response) => {
    const sent = JSON.parse(body);
    answer(
      response,
      201,
      stored({ ...sent, spec: { ...sent.spec, requester: { username: 'me' } } }),
    );
  };
  await grantIsAdmitted(await stub.client(), 'soc');
  const [{ method, path, query } = {}] = stub.requests;
  expect({ method, path, dryRun: query?.get('dryRun') }).toEqual({
    method: 'POST',
    path: '/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants',
    dryRun: 'All',
  });
});

test('a grant that comes back without its requester was not seen by the webhook', async () => {
  stub.handler = ({ body }, response) => answer(response, 201, stored(JSON.parse(body) as object));
  await expect(grantIsAdmitted(await stub.client(), 'soc')).rejects.toMatchObject({
    retryable: true,
    detail: expect.stringContaining('did not ask the webhook stamp-requester.actiongrant.dev'),
  });
});
