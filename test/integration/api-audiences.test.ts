/** P5: which audiences are the API server's is for a real one to say. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiAudiences } from '../../controller/credentials/api-audiences.ts';
import type { IssueDependencies } from '../../controller/credentials/credential-type.ts';
import { mint } from '../../controller/credentials/mint.ts';
import type { LiveGrant } from '../../controller/grants/resource.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { secrets, serviceAccounts } from '../../core/kubernetes/resources.ts';
import { systemClock } from '../../core/time/clock.ts';
import { aCredential, aGrant, aKubernetesAction, anApprovedStatus } from '../support/builders.ts';
import { FURTHER_API_AUDIENCE, SERVICE_ACCOUNT_ISSUER } from '../support/server-flags.ts';
import { shareControlPlane } from '../support/shared.ts';

const ACCOUNT = 'edr-quarantine';

const plane = await shareControlPlane();
let client: KubernetesClient;
let namespace: string;
let bound: { secretName: string; secretUID: string; serviceAccountUID: string };

beforeAll(async () => {
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: plane.adminKubeconfig },
    userAgent: 'actiongrant-test/0',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  namespace = await plane.createNamespace('audiences');
  const account = await client.create(serviceAccounts, { metadata: { namespace, name: ACCOUNT } });
  const name = `bound-${randomUUID()}`;
  const secret = await client.create(secrets, { metadata: { namespace, name }, type: 'Opaque' });
  bound = {
    secretName: name,
    secretUID: secret.metadata.uid,
    serviceAccountUID: account.metadata.uid,
  };
});
afterAll(async () => {
  await client.close();
  await plane.disconnect();
});

/** As a replica that was told nothing, with this token of its own. */
const issuing = (ownToken?: string): IssueDependencies => ({
  client,
  apiServerAudiences: createApiAudiences({
    client,
    clock: systemClock,
    configured: [],
    ownToken: async () => ownToken,
  }),
});
const status = () => anApprovedStatus({ credential: bound });
/** An HTTP grant that somebody stored before anybody knew. */
const grantFor = (audience: string): LiveGrant => {
  const serviceAccountToken = { serviceAccountName: ACCOUNT, audience };
  const credential = { type: 'ServiceAccountToken', serviceAccountToken } as const;
  return aGrant({ metadata: { namespace }, spec: { credential }, status: status() });
};

describe('the audiences of the API server', () => {
  it('are all in a token that was asked for without any', async () => {
    const { token } = await client.tokenRequest({ namespace, name: ACCOUNT }, { audiences: [] });
    const { apiServerAudiences } = issuing(token);
    expect(apiServerAudiences.includes(FURTHER_API_AUDIENCE)).toBe(false);
    await apiServerAudiences.discover();
    expect(apiServerAudiences.forKubernetes()).toBe(SERVICE_ACCOUNT_ISSUER);
    for (const audience of [SERVICE_ACCOUNT_ISSUER, FURTHER_API_AUDIENCE]) {
      expect(apiServerAudiences.includes(audience)).toBe(true);
    }
  });

  it('are its own alone, where a projected token has others beside', async () => {
    const audiences = [FURTHER_API_AUDIENCE, 'https://edr.example.com'];
    const { token } = await client.tokenRequest({ namespace, name: ACCOUNT }, { audiences });
    const { apiServerAudiences } = issuing(token);
    await apiServerAudiences.discover();
    expect(audiences.map((each) => apiServerAudiences.includes(each))).toEqual([true, false]);
  });

  it('are learned when it refuses a token for another service', async () => {
    const dependencies = issuing();
    expect(await mint(dependencies, grantFor('https://edr.example.com'), 10_000)).toBeDefined();
    expect(dependencies.apiServerAudiences.includes(FURTHER_API_AUDIENCE)).toBe(true);
  });

  it('are learned when a token for a Kubernetes action is minted', async () => {
    const dependencies = issuing();
    const grant = aGrant({
      metadata: { namespace },
      spec: { action: aKubernetesAction(), credential: aCredential('Kubernetes') },
      status: status(),
    });
    expect(await mint(dependencies, grant, 10_000)).toBeDefined();
    expect(dependencies.apiServerAudiences.includes(FURTHER_API_AUDIENCE)).toBe(true);
  });
});

it('no token for one of them is minted for an HTTP grant, also if nobody knew before', async () => {
  const dependencies = issuing();
  await expect(mint(dependencies, grantFor(FURTHER_API_AUDIENCE), 10_000)).rejects.toMatchObject({
    code: 'CredentialRefused',
    field: 'spec.credential.serviceAccountToken.audience',
  });
  expect(dependencies.apiServerAudiences.includes(FURTHER_API_AUDIENCE)).toBe(true);
});
