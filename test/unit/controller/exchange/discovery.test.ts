import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiscovery, type Discovery } from '../../../../controller/exchange/discovery.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let discovery: Discovery;

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  stub.handler = ({ path }, response) => answer(response, 200, { path });
  discovery = createDiscovery(await stub.client(), clock);
});
afterEach(() => stub[Symbol.asyncDispose]());

const asked = () => stub.requests.map(({ path }) => path);

describe('discovery', () => {
  it.each([
    '/version',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/openapi/v3',
    '/openapi/v3/api/v1',
    '/openapi/v3/apis/apps/v1',
  ])('reads %s', async (path) => {
    expect(JSON.parse(String(await discovery.read(path)))).toEqual({ path });
  });

  it.each([
    '/api/v1/secrets',
    '/api/v1/namespaces/soc/secrets/s',
    '/apis/apps/v1/deployments',
    '/apis/../api/v1/secrets',
    '/apis/%2e%2e/v1',
    '/apis/apps/v1/',
    '//api',
    '/metrics',
    '/logs',
    '',
    undefined,
    ['/api', '/apis'],
  ])('reads no object and nothing else: %s', async (path) => {
    await expect(discovery.read(path)).rejects.toMatchObject({ code: 'DiscoveryRefused' });
    expect(asked()).toEqual([]);
  });

  it('asks once for what many agents ask, for 30 seconds, whatever hash they name', async () => {
    await Promise.all([discovery.read('/api'), discovery.read('/api?hash=1')]);
    expect(asked()).toEqual(['/api']);
    await clock.advance(30_000);
    await discovery.read('/api');
    expect(asked()).toEqual(['/api', '/api']);
  });

  it.each([
    [404, 'NotFound', 'NotFound'],
    [503, 'ServiceUnavailable', 'KubernetesUnavailable'],
  ])('of what is answered %i is not remembered', async (code, reason, problem) => {
    stub.handler = (_, response) => answer(response, code, status(code, reason));
    await expect(discovery.read('/apis/gone')).rejects.toMatchObject({ code: problem });
    stub.handler = ({ path }, response) => answer(response, 200, { path });
    expect(String(await discovery.read('/apis/gone'))).toContain('/apis/gone');
  });
});
