import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ApiAudiences,
  comparableAudience,
  createApiAudiences,
  isExchangeAudience,
} from '../../../../controller/credentials/api-audiences.ts';
import { Secret } from '../../../../core/text/secret.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { anUnsignedToken } from '../exchange/grants-api.ts';

const GKE = 'https://container.googleapis.com/v1/projects/p/locations/l/clusters/c';
const EKS = 'https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF';
const AKS = 'https://germanywestcentral.oic.prod-aks.azure.com/1c1a2b3c/4d5e6f70/';
const K3S = 'https://kubernetes.default.svc.cluster.local';

let stub: StubApiServer;
let clock: FakeClock;
beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
});
afterEach(() => stub[Symbol.asyncDispose]());

interface Cluster {
  issuer?: string;
  /** Of our own token; undefined: we have a certificate. */
  own?: readonly string[] | string;
  /** What the API server answers for a token. */
  review?: object;
  configured?: readonly string[];
}

async function anApiServer({
  issuer = 'https://kubernetes.default.svc',
  own,
  review = { authenticated: true },
  configured = [],
}: Cluster = {}): Promise<ApiAudiences> {
  stub.handler = ({ path }, response) =>
    path.endsWith('/tokenreviews')
      ? answer(response, 201, { status: review })
      : answer(response, 200, { issuer });
  return createApiAudiences({
    client: await stub.client(),
    clock,
    configured,
    ownToken: async () => (own === undefined ? undefined : anUnsignedToken({ aud: own })),
  });
}

async function discovered(cluster: Cluster): Promise<ApiAudiences> {
  const audiences = await anApiServer(cluster);
  await audiences.discover();
  return audiences;
}

describe("an audience is known to be the API server's", () => {
  it.each<[string, Cluster, string[]]>([
    ['of every cluster, before anything was asked', {}, ['https://kubernetes.default.svc', K3S]],
    [
      'that was configured',
      { configured: ['https://api.corp.example'] },
      ['https://api.corp.example'],
    ],
    ['of k3s, by its own token', { own: [K3S, 'k3s'] }, [K3S, 'k3s']],
    ['of GKE, by its issuer', { issuer: GKE }, [GKE]],
    ['of EKS, by its issuer', { issuer: EKS }, [EKS]],
    ['of AKS, by its issuer', { issuer: AKS }, [AKS]],
    ['of GKE, by its own token alone', { own: GKE }, [GKE]],
    ['of a flag with several', { own: ['a.example', 'urn:b', EKS] }, ['a.example', 'urn:b', EKS]],
    [
      'by the answer about its own token',
      { own: ['urn:b', 'other'], review: { authenticated: true, audiences: ['urn:b'] } },
      ['urn:b'],
    ],
  ])('%s', async (_, cluster, expected) => {
    const audiences = await discovered(cluster);
    for (const audience of expected)
      expect([audience, audiences.includes(audience)]).toEqual([audience, true]);
  });

  it.each([
    'HTTPS://Container.GoogleAPIs.com/v1/projects/p',
    'https://container.googleapis.com/v1/projects/p/',
    'https://container.googleapis.com:443/v1/projects/p//',
    'http://container.googleapis.com./v1/projects/p',
    ' https://container.googleapis.com/v1/projects/p ',
    'container.googleapis.com/v1/projects/p',
  ])('in another spelling: %s', async (spelling) => {
    const audiences = await discovered({
      issuer: 'https://container.googleapis.com/v1/projects/p',
    });
    expect(audiences.includes(spelling)).toBe(true);
  });

  it('and one of those that our own token has is for Kubernetes calls', async () => {
    const review = { authenticated: true, audiences: [K3S, 'k3s'] };
    expect((await discovered({ own: [K3S, 'k3s'], review })).forKubernetes()).toBe(K3S);
    expect((await discovered({ issuer: GKE })).forKubernetes()).toBeUndefined();
  });

  it('once a token that was asked for without audience has named it', async () => {
    const audiences = await anApiServer();
    expect(audiences.includes('urn:late')).toBe(false);
    audiences.learnFrom(new Secret(anUnsignedToken({ aud: ['urn:late'] })));
    expect(audiences.includes('urn:late')).toBe(true);
  });

  it('and another one is not', async () => {
    const audiences = await discovered({ issuer: GKE, own: [K3S, 'k3s'] });
    for (const other of ['https://edr.example.com', `${GKE}2`, 'https://k3s.example', 'vault']) {
      expect([other, audiences.includes(other)]).toEqual([other, false]);
    }
  });

  it('not because a projected token of ours has it beside', async () => {
    const audiences = await discovered({
      own: [GKE, 'https://edr.example.com'],
      review: { authenticated: true, audiences: [GKE] },
    });
    expect(audiences.includes('https://edr.example.com')).toBe(false);
  });

  it('only after the API server could be asked, and a failure says so', async () => {
    const audiences = await anApiServer();
    stub.handler = (_, response) => answer(response, 503, status(503, 'ServiceUnavailable'));
    await expect(audiences.discover()).rejects.toThrow();
  });

  it('whatever our own token is', async () => {
    const audiences = createApiAudiences({
      client: await stub.client(),
      clock,
      configured: [],
      ownToken: async () => 'a-static-token',
    });
    stub.handler = ({ path }, response) =>
      path.endsWith('/tokenreviews')
        ? answer(response, 201, { status: { authenticated: true } })
        : answer(response, 200, { issuer: GKE });
    await audiences.discover();
    expect(audiences.includes(GKE)).toBe(true);
  });
});

describe('before a token leaves, the API server', () => {
  const token = new Secret(anUnsignedToken({ aud: ['https://edr.example.com'] }));
  const foreign = (targets: string) => ({
    error: `[invalid bearer token, token audiences ["https://edr.example.com"] is invalid for the target audiences [${targets}]]`,
  });
  const reviews = () => stub.requests.filter(({ path }) => path.endsWith('/tokenreviews'));

  it('is asked without audiences, as by its own requests', async () => {
    const audiences = await anApiServer({ review: foreign('"k3s"') });
    expect(await audiences.refuses('https://edr.example.com', token, 1_000)).toBe(true);
    expect(reviews().map(({ body }) => JSON.parse(body).spec)).toEqual([{ token: token.reveal() }]);
  });

  it('has proved for ten minutes that it refuses this audience', async () => {
    const audiences = await anApiServer({ review: foreign('"k3s"') });
    const ask = () => audiences.refuses('https://edr.example.com', token, 1_000);
    expect([await ask(), await ask()]).toEqual([true, true]);
    expect(reviews()).toHaveLength(1);
    await clock.advance(10 * 60_000);
    await ask();
    expect(reviews()).toHaveLength(2);
  });

  it('proves nothing about another audience', async () => {
    const audiences = await anApiServer({ review: foreign('"k3s"') });
    await audiences.refuses('https://edr.example.com', token, 1_000);
    await audiences.refuses('https://other.example.com', token, 1_000);
    expect(reviews()).toHaveLength(2);
  });

  it('tells all of its audiences by its refusal', async () => {
    const audiences = await anApiServer({
      review: foreign('"urn:a" "with \\"quotes\\" and ]" "k3s"'),
    });
    await audiences.refuses('https://edr.example.com', token, 1_000);
    expect(['urn:a', 'k3s'].map((each) => audiences.includes(each))).toEqual([true, true]);
  });

  it('that accepts it makes the audience one of its own', async () => {
    const audiences = await anApiServer({ review: { authenticated: true } });
    expect(await audiences.refuses('urn:a', token, 1_000)).toBe(false);
    expect(audiences.includes('urn:a')).toBe(true);
  });

  it('that refuses it for another reason is asked again for the next one', async () => {
    const audiences = await anApiServer({ review: { error: 'Token has been invalidated' } });
    expect(await audiences.refuses('urn:a', token, 1_000)).toBe(true);
    expect(await audiences.refuses('urn:a', token, 1_000)).toBe(true);
    expect(reviews()).toHaveLength(2);
  });

  it('that does not answer leaves it unproved', async () => {
    const audiences = await anApiServer();
    stub.handler = () => {};
    await expect(audiences.refuses('urn:a', token, 50)).rejects.toThrow();
  });
});

it.each(['actiongrant.dev', 'ActionGrant.DEV', 'https://actiongrant.dev/', ' actiongrant.dev'])(
  'the audience of the exchange is recognised as %s',
  (audience) => {
    expect(isExchangeAudience(audience)).toBe(true);
    expect(isExchangeAudience(`x.${audience.trim()}`)).toBe(false);
  },
);

it('texts that are no URLs keep what they say', () => {
  expect(comparableAudience('urn:a:443')).toBe('urn:a');
  expect(comparableAudience('')).toBe('');
  expect(comparableAudience('spiffe://a/b')).toBe('spiffe://a/b');
});
