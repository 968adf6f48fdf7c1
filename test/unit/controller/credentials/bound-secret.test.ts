import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createBoundSecret,
  deleteBoundSecret,
} from '../../../../controller/credentials/bound-secret.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { aBoundCredential, aGrant, anApprovedStatus } from '../../../support/builders.ts';
import { answer, status } from '../../../support/stub-api-server.ts';
import { GrantServer } from '../grant-server.ts';

const ACCOUNT = 'edr-quarantine';
const GRANT = aGrant();
const { uid } = GRANT.metadata;

let server: GrantServer;
beforeEach(async () => {
  server = await GrantServer.start();
  server.put(GRANT);
});
afterEach(() => server[Symbol.asyncDispose]());

const create = async (grant = GRANT, attempt = 0) =>
  createBoundSecret(await server.dependencies(), grant, attempt);
const remove = async (secretUID: string) =>
  deleteBoundSecret((await server.dependencies()).client, 'soc', { secretName: 's', secretUID });

describe('the Secret of an attempt', () => {
  it('is empty, of a type of its own, and goes with its grant', async () => {
    const bound = await create();
    const { body } = server.stub.requests.at(-1) ?? {};
    expect(JSON.parse(body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'actiongrant.dev/bound',
      metadata: {
        namespace: 'soc',
        name: `ag-${uid}-0-again0`,
        ownerReferences: [
          {
            apiVersion: 'actiongrant.dev/v1alpha1',
            kind: 'ActionGrant',
            name: GRANT.metadata.name,
            uid,
          },
        ],
      },
    });
    expect(bound).toEqual({
      secretName: `ag-${uid}-0-again0`,
      secretUID: server.secrets.get(`ag-${uid}-0-again0`),
      serviceAccountUID: aBoundCredential().serviceAccountUID,
    });
  });

  it('has a name that says which attempt it is of, and that nobody can know before', async () => {
    expect((await create(GRANT, 2))?.secretName).toMatch(`ag-${uid}-2-`);
  });

  it('is never one that was there under that name', async () => {
    server.secrets.set(`ag-${uid}-0-again0`, 'planted');
    const error = await create().catch((e: unknown) => e);
    expect(isKubernetesError(error)).toBe(true);
    expect(server.requests).toEqual(['GET serviceaccount', 'POST secret']);
  });

  it('is not made for a ServiceAccount that does not exist', async () => {
    server.accounts.clear();
    await expect(create()).rejects.toMatchObject({
      code: 'CredentialRefused',
      field: 'spec.credential.serviceAccountToken.serviceAccountName',
    });
    expect(server.requests).not.toContain('POST secret');
  });

  it('is not made again for a ServiceAccount that was made again', async () => {
    server.accounts.set(ACCOUNT, 'another');
    const error = create(aGrant({ status: anApprovedStatus() }), 1);
    await expect(error).rejects.toThrow('was re-created');
    expect(server.requests).not.toContain('POST secret');
  });
});

describe('its deletion', () => {
  it('is of exactly this Secret', async () => {
    server.secrets.set('s', 'uid-1');
    await remove('uid-1');
    expect([...server.secrets]).toEqual([]);
    expect(JSON.parse(server.stub.requests[0]?.body ?? '').preconditions).toEqual({ uid: 'uid-1' });
  });

  it('is done if the Secret is gone', async () => {
    await remove('uid-1');
  });

  it('is done if its name belongs to another Secret, which stays', async () => {
    server.secrets.set('s', 'uid-2');
    await remove('uid-1');
    expect(server.secrets.get('s')).toBe('uid-2');
  });

  it('is not done while a finalizer holds the Secret: its token is still accepted', async () => {
    server.intercept = (_, response) => {
      answer(response, 200, { kind: 'Secret', metadata: { name: 's', deletionTimestamp: 'now' } });
      return true;
    };
    await expect(remove('uid-1')).rejects.toMatchObject({
      code: 'KubernetesUnavailable',
      detail: expect.stringContaining('remove the finalizer'),
    });
  });

  it.each([
    [409, 'Conflict'],
    [403, 'Forbidden'],
    [500, 'InternalError'],
  ])('is not done if it is answered %i %s', async (code, reason) => {
    server.intercept = (_, response) => {
      answer(response, code, status(code, reason));
      return true;
    };
    const error = await remove('uid-1').catch((e: unknown) => e);
    expect(isKubernetesError(error)).toBe(true);
  });
});
