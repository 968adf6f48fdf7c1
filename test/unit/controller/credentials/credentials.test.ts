import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiAudiences } from '../../../../controller/credentials/api-audiences.ts';
import {
  credentialFault,
  credentialsThatMayExist,
  isPrepared,
  issueCredential,
  isTokenOf,
  lentObject,
  prepareCredential,
  revokeAll,
  revokePrepared,
  revokeUse,
} from '../../../../controller/credentials/credentials.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import { Secret } from '../../../../core/text/secret.ts';
import {
  aBoundCredential,
  aGivenBackStatus,
  aGrant,
  aGrantSpec,
  anApprovedStatus,
  anEndedUse,
  anInUseStatus,
  aUse,
  aUseCredential,
  noonPlus,
  withoutCredential,
} from '../../../support/builders.ts';
import { boundTokenClaims, createClusterSigner } from '../../../support/cluster-signer.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { anUnsignedToken } from '../exchange/grants-api.ts';
import { GrantServer } from '../grant-server.ts';

const cluster = await createClusterSigner();
const { id: jti, secretName, secretUID } = aUseCredential();
const CLAIMS = boundTokenClaims({
  jti,
  namespace: 'soc',
  account: 'edr-quarantine',
  secretName,
  secretUID,
  audience: 'https://edr.example.com',
  issuedAt: new FakeClock().now(),
});
const SIGNED = await cluster.sign(CLAIMS);
const OF_ANOTHER_USE = await cluster.sign({ ...CLAIMS, jti: 'another' });
const AUDIENCE = 'https://kubernetes.default.svc';
const CLUSTER = {
  apiServerAudiences: createApiAudiences({
    client: { raw: () => Promise.reject(), tokenReview: () => Promise.reject() },
    clock: new FakeClock(),
    configured: [],
    ownToken: async () => undefined,
  }),
};
const BOUND = aBoundCredential();
const bare = (status = anApprovedStatus()): ActionGrant => ({
  ...aGrant({ status }),
  spec: withoutCredential(aGrantSpec()),
});
const { credential: _, ...UNPREPARED } = anApprovedStatus();

let server: GrantServer;
beforeEach(async () => {
  server = await GrantServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

describe('a grant without credential', () => {
  it("lends no one's authority, and nothing is wrong with that", () => {
    expect(lentObject(bare())).toBeUndefined();
    expect(credentialFault(bare(), CLUSTER)).toBeUndefined();
  });

  it('has nothing to make, to issue or to revoke', async () => {
    const dependencies = await server.dependencies();
    const { client } = dependencies;
    const { credential: _credential, ...use } = aUse();
    const grant = bare(anInUseStatus({ uses: [use] }));
    expect(await prepareCredential(dependencies, grant)).toBeUndefined();
    expect(await issueCredential(dependencies, grant, 1_000)).toBeUndefined();
    expect(await revokeUse(dependencies, grant, use)).toEqual({});
    await revokePrepared(client, grant, undefined);
    await revokeAll(client, { ...grant, status: UNPREPARED });
    expect(server.requests).toEqual([]);
  });
});

describe('a grant is prepared', () => {
  it.each<[string, ActionGrant, boolean]>([
    [
      'with a credential, if its status names what that rests on',
      aGrant({ status: anApprovedStatus() }),
      true,
    ],
    ['with a credential, not without', aGrant({ status: UNPREPARED }), false],
    ['without a credential, if its status names nothing', bare(UNPREPARED), true],
    ['without a credential, not if it does', bare(), false],
  ])('%s', (_, grant, prepared) => {
    expect(isPrepared(grant)).toBe(prepared);
  });
});

describe('a grant of a ServiceAccount token', () => {
  const grant = aGrant({ status: anApprovedStatus() });

  it('lends the authority of the ServiceAccount', () => {
    expect(lentObject(grant)).toMatchObject({
      group: '',
      resource: 'serviceaccounts',
      name: 'edr-quarantine',
    });
    expect(lentObject(grant)?.mayNotDelegate('ann')).toEqual({
      field: 'spec.credential.serviceAccountToken.serviceAccountName',
      reason: expect.stringMatching(
        /^ann may not delegate the ServiceAccount soc\/edr-quarantine\./,
      ),
    });
  });

  it.each<[string, string | undefined, string | undefined]>([
    ["the API server's own audience", AUDIENCE, 'spec.credential.serviceAccountToken.audience'],
    [
      'its audience in another spelling',
      'HTTPS://Kubernetes.default.svc:443/',
      'spec.credential.serviceAccountToken.audience',
    ],
    [
      'the audience that proves who a sidecar is',
      'ACTIONGRANT.dev',
      'spec.credential.serviceAccountToken.audience',
    ],
    ["a service's audience", 'https://edr.example.com', undefined],
    ['no audience', undefined, undefined],
  ])('may not be for the API server: %s', (_, audience, field) => {
    const serviceAccountToken = {
      serviceAccountName: 'edr-quarantine',
      ...(audience === undefined ? {} : { audience }),
    };
    const credential = { type: 'ServiceAccountToken', serviceAccountToken } as const;
    expect(credentialFault(aGrant({ spec: { credential } }), CLUSTER)?.field).toBe(field);
  });

  it('is issued with a record that names the token and its Secret, and not the token itself', async () => {
    server.put(grant);
    const dependencies = await server.dependencies();
    const issued = await issueCredential(dependencies, grant, 1_000);
    expect(issued?.record).toEqual({
      id: expect.any(String),
      secretName: BOUND.secretName,
      secretUID: BOUND.secretUID,
      expirationTime: '2026-01-02T12:10:00Z',
    });
    expect(JSON.stringify(issued)).not.toContain(issued?.token.reveal());
  });

  it('is not issued where its status names no Secret', async () => {
    const dependencies = await server.dependencies();
    const error = issueCredential(dependencies, aGrant({ status: UNPREPARED }), 1_000);
    await expect(error).rejects.toMatchObject({ code: 'CredentialRefused' });
    expect(server.requests).toEqual([]);
  });

  it('is revoked with its Secret, and only then may a status say when', async () => {
    server.put(grant);
    const dependencies = await server.dependencies();
    expect(await revokeUse(dependencies, grant, aUse())).toEqual({
      deletedTime: server.clock.now(),
    });
    expect([...server.secrets]).toEqual([]);
  });

  it.each<[string, string, boolean]>([
    ['the very token', SIGNED, true],
    ['another token', OF_ANOTHER_USE, false],
    ['a token that nobody signed', anUnsignedToken(CLAIMS), false],
  ])('knows %s that a use was given', async (_, token, is) => {
    const { clock } = server;
    const { keysFor } = cluster;
    expect(await isTokenOf({ keysFor, clock }, grant, aUse(), new Secret(token))).toBe(is);
  });
});

describe('what is to be revoked when a grant is deleted', () => {
  const gone = aUseCredential({ deletedTime: noonPlus(11) });
  const other = { secretName: 'earlier', secretUID: 'uid-of-earlier' };

  it.each<[string, ActionGrant, string[]]>([
    ['a new grant has nothing', aGrant(), []],
    ['what was prepared', aGrant({ status: anApprovedStatus() }), [BOUND.secretUID]],
    ['what a use has, once', aGrant({ status: anInUseStatus() }), [BOUND.secretUID]],
    [
      'not what was seen to be gone',
      aGrant({ status: { ...UNPREPARED, uses: [anEndedUse('Succeeded', { credential: gone })] } }),
      [],
    ],
    [
      'what an earlier use may have left, too',
      aGrant({
        status: aGivenBackStatus({
          credential: BOUND,
          uses: [anEndedUse('NotDispatched', { credential: aUseCredential(other) })],
        }),
      }),
      [BOUND.secretUID, 'uid-of-earlier'],
    ],
  ])('%s', (_, grant, uids) => {
    expect(credentialsThatMayExist(grant).map(({ secretUID }) => secretUID)).toEqual(uids);
  });

  it('is gone afterwards, and to repeat it changes nothing', async () => {
    const grant = server.put(aGrant({ status: anInUseStatus() }));
    const { client } = await server.dependencies();
    await revokeAll(client, grant);
    await revokeAll(client, grant);
    expect([...server.secrets]).toEqual([]);
  });
});

describe('a type of credential that only a later release knows', () => {
  const later = (status = anApprovedStatus()): ActionGrant => {
    const grant = aGrant({ status });
    const credential = { type: 'OAuthToken' } as unknown as ActionGrant['spec']['credential'];
    return { ...grant, spec: { ...grant.spec, ...(credential && { credential }) } };
  };
  const UNKNOWN = { code: 'CredentialRefused', field: 'spec.credential.type' };

  it('is refused at admission, so that nobody lends what was not checked', () => {
    expect(credentialFault(later(), CLUSTER)).toMatchObject({ field: 'spec.credential.type' });
  });

  it('is not prepared, whatever the status names, so no call uses the grant without it', () => {
    expect(isPrepared(later())).toBe(false);
    expect(isPrepared({ ...later(), status: UNPREPARED })).toBe(false);
  });

  it('is neither prepared nor issued', async () => {
    const dependencies = await server.dependencies();
    const grant = later();
    await expect(prepareCredential(dependencies, grant)).rejects.toMatchObject(UNKNOWN);
    await expect(issueCredential(dependencies, grant, 1_000)).rejects.toMatchObject(UNKNOWN);
  });

  it('is never said to be revoked: every revocation fails', async () => {
    const dependencies = await server.dependencies();
    const { client } = dependencies;
    const grant = later(anInUseStatus());
    await expect(revokeUse(dependencies, grant, aUse())).rejects.toMatchObject(UNKNOWN);
    await expect(revokePrepared(client, grant, BOUND)).rejects.toMatchObject(UNKNOWN);
    await expect(revokeAll(client, grant)).rejects.toMatchObject(UNKNOWN);
  });
});

describe('a credential in the status of a grant that asks for none', () => {
  it('is never said to be revoked', async () => {
    const dependencies = await server.dependencies();
    const grant = bare(anInUseStatus());
    const refused = { code: 'CredentialRefused', field: 'spec.credential' };
    await expect(revokeUse(dependencies, grant, aUse())).rejects.toMatchObject(refused);
    await expect(revokeAll(dependencies.client, grant)).rejects.toMatchObject(refused);
  });
});
