import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configMaps } from '../../../../core/kubernetes/resources.ts';
import { answer, StubApiServer } from '../../../support/stub-api-server.ts';
import { object, read, reference } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

describe('requests', () => {
  it('name the resource, the namespace and the subresource, and encode what they are given', async () => {
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client();
    await client.get(configMaps, { namespace: 'soc', name: 'a/b?c' });
    await client.replaceStatus(configMaps, object);
    await client.patch(
      configMaps,
      reference,
      { type: 'Apply', body: {}, force: true },
      {
        fieldManager: 'me',
        dryRun: true,
      },
    );
    expect(stub.requests.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/soc/configmaps/a%2Fb%3Fc',
      '/api/v1/namespaces/soc/configmaps/a/status',
      '/api/v1/namespaces/soc/configmaps/a',
    ]);
    const [, put, patch] = stub.requests;
    expect(JSON.parse(put?.body ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(Object.fromEntries(patch?.query ?? [])).toEqual({
      dryRun: 'All',
      fieldManager: 'me',
      force: 'true',
    });
    expect(patch?.headers).toMatchObject({
      'content-type': 'application/apply-patch+yaml',
      'user-agent': 'actiongrant-test/0',
      authorization: 'Bearer token-1',
    });
  });

  it('share kept connections', async () => {
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ connections: 3 });
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 10 }, () => read(client)));
    }
    expect(stub.requests).toHaveLength(50);
    expect(stub.connections).toBeLessThanOrEqual(3);
  });

  it('fill in the kind that items of a list lack', async () => {
    stub.handler = (_request, response) =>
      answer(response, 200, { metadata: { resourceVersion: '9' }, items: [object] });
    const { items } = await (await stub.client()).list(configMaps);
    expect(items).toEqual([{ apiVersion: 'v1', kind: 'ConfigMap', ...object }]);
  });
});
