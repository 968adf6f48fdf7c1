import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mint } from '../../../../controller/credentials/mint.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import {
  aBoundCredential,
  aCredential,
  aGrant,
  aGrantSpec,
  aKubernetesAction,
  anApprovedStatus,
  withoutCredential,
} from '../../../support/builders.ts';
import { issuingWith } from '../../../support/issuing.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { anUnsignedToken } from '../exchange/grants-api.ts';

const EXPIRATION = '2026-01-02T12:10:00Z';
const GRANT = aGrant({ status: anApprovedStatus() });

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

const FOREIGN = {
  error:
    '[invalid bearer token, token audiences ["https://edr.example.com"] is invalid for the target audiences ["https://kubernetes.default.svc.cluster.local" "k3s"]]',
};

/** The API server issues a token with these claims, and says this of it when it is asked whether the token opens it. */
function issues(claims: object, review: object = FOREIGN): string {
  const token = anUnsignedToken(claims);
  stub.handler = ({ path }, response) => {
    const status = path.endsWith('/tokenreviews')
      ? review
      : { token, expirationTimestamp: EXPIRATION };
    answer(response, 201, { status });
  };
  return token;
}

const claimsFor = (uid: string) => ({
  jti: 'jti-1',
  'kubernetes.io': { serviceaccount: { name: 'edr-quarantine', uid } },
});
const RIGHT_CLAIMS = claimsFor(aBoundCredential().serviceAccountUID);

const failure = async (grant = GRANT): Promise<unknown> =>
  mint(issuingWith(await stub.client()), grant, 5_000).then(
    () => new Error('it was minted'),
    (error: unknown) => error,
  );

describe('a credential', () => {
  it('is asked for with one audience, ten minutes and the very Secret that the status names', async () => {
    const token = issues(RIGHT_CLAIMS);
    const minted = await mint(issuingWith(await stub.client()), GRANT, 5_000);
    expect(minted).toMatchObject({ jti: 'jti-1', expirationTime: EXPIRATION });
    expect(minted?.token.reveal()).toBe(token);
    expect(JSON.stringify(minted)).not.toContain(token);
    expect(stub.requests).toHaveLength(2);
    const [request] = stub.requests;
    expect(request?.path).toBe('/api/v1/namespaces/soc/serviceaccounts/edr-quarantine/token');
    expect(JSON.parse(request?.body ?? '').spec).toEqual({
      audiences: ['https://edr.example.com'],
      expirationSeconds: 600,
      boundObjectRef: {
        apiVersion: 'v1',
        kind: 'Secret',
        name: aBoundCredential().secretName,
        uid: aBoundCredential().secretUID,
      },
    });
  });

  it("of a Kubernetes action is for the API server's own audiences", async () => {
    issues(RIGHT_CLAIMS);
    const grant = aGrant({
      spec: { action: aKubernetesAction(), credential: aCredential('Kubernetes') },
      status: anApprovedStatus(),
    });
    await mint(issuingWith(await stub.client()), grant, 5_000);
    expect(JSON.parse(stub.requests[0]?.body ?? '').spec.audiences).toEqual([]);
  });

  it('of a Kubernetes action is for one audience where several are known', async () => {
    issues(RIGHT_CLAIMS);
    const grant = aGrant({
      spec: { action: aKubernetesAction(), credential: aCredential('Kubernetes') },
      status: anApprovedStatus(),
    });
    const dependencies = issuingWith(await stub.client());
    await mint(
      {
        ...dependencies,
        apiServerAudiences: { ...dependencies.apiServerAudiences, forKubernetes: () => 'urn:api' },
      },
      grant,
      5_000,
    );
    expect(JSON.parse(stub.requests[0]?.body ?? '').spec.audiences).toEqual(['urn:api']);
  });

  it('is not asked for where the grant has none, or no Secret', async () => {
    const client = await stub.client();
    const { credential: _, ...status } = anApprovedStatus();
    expect(await mint(issuingWith(client), aGrant({ status }), 5_000)).toBeUndefined();
    const spec = withoutCredential(aGrantSpec());
    expect(await mint(issuingWith(client), { ...GRANT, spec }, 5_000)).toBeUndefined();
    expect(stub.requests).toHaveLength(0);
  });
});

describe('a credential is refused', () => {
  it('if the ServiceAccount was made again under its name', async () => {
    issues(claimsFor('another'));
    const error = await failure();
    expect(error).toMatchObject({
      code: 'CredentialRefused',
      field: 'spec.credential.serviceAccountToken.serviceAccountName',
    });
    expect(String(error)).toContain('was re-created');
  });

  it.each<[string, string, object]>([
    ['that admission would refuse now', 'https://kubernetes.default.svc/', FOREIGN],
    ['that proves who a sidecar is', 'ActionGrant.dev', FOREIGN],
    [
      'that the API server turns out to accept',
      'https://container.googleapis.com/v1/projects/p',
      { authenticated: true, audiences: ['https://container.googleapis.com/v1/projects/p'] },
    ],
  ])('if the grant is for an audience %s', async (_, audience, review) => {
    issues(RIGHT_CLAIMS, review);
    const credential = {
      type: 'ServiceAccountToken',
      serviceAccountToken: { serviceAccountName: 'edr-quarantine', audience },
    } as const;
    const error = await failure(aGrant({ spec: { credential }, status: anApprovedStatus() }));
    expect(error).toMatchObject({
      code: 'CredentialRefused',
      field: 'spec.credential.serviceAccountToken.audience',
    });
  });

  it('if nobody can tell whether the API server would accept it', async () => {
    issues(RIGHT_CLAIMS);
    const mints = stub.handler;
    stub.handler = (request, response) => {
      if (request.path.endsWith('/tokenreviews')) request.socket.destroy();
      else mints(request, response);
    };
    expect(isKubernetesError(await failure())).toBe(true);
  });

  it.each([
    ['has no jti', { ...RIGHT_CLAIMS, jti: undefined }],
    ['says nothing of its account', { jti: 'jti-1' }],
  ])('if the token %s', async (_, claims) => {
    issues(claims);
    expect(await failure()).toMatchObject({ code: 'CredentialRefused' });
  });

  it.each([
    [404, 'NotFound'],
    [409, 'Conflict'],
    [403, 'Forbidden'],
    [422, 'Invalid'],
    [400, 'BadRequest'],
  ])('if the API server answers %i %s, in its words', async (code, reason) => {
    stub.handler = (_, response) => answer(response, code, status(code, reason, 'no such luck'));
    const error = await failure();
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({ code: 'CredentialRefused', retryable: false });
    expect((error as ProblemError).detail).toContain('no such luck');
  });
});

describe('a failure that may pass is passed on', () => {
  it.each([
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [503, 'ServiceUnavailable'],
  ])('such as %i %s', async (code, reason) => {
    stub.handler = (_, response) => answer(response, code, status(code, reason));
    expect(isKubernetesError(await failure())).toBe(true);
  });

  it('such as silence, within the time that is left', async () => {
    stub.handler = () => {};
    const start = performance.now();
    const error = await mint(issuingWith(await stub.client()), GRANT, 50).catch((e: unknown) => e);
    expect(isKubernetesError(error, 'Unavailable')).toBe(true);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
