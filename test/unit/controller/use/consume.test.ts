import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Consumption, consume } from '../../../../controller/use/consume.ts';
import type { ActionGrantStatus } from '../../../../core/api/generated/actiongrant.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { Secret } from '../../../../core/text/secret.ts';
import {
  aBoundCredential,
  aGrant,
  anApprovedStatus,
  anInUseStatus,
  aUse,
  aUseCredential,
  NOON,
} from '../../../support/builders.ts';
import {
  answer,
  StubApiServer,
  type StubHandler,
  status,
} from '../../../support/stub-api-server.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

const GRANT = aGrant({ metadata: { resourceVersion: '7' }, status: anApprovedStatus() });
const NOW = Date.parse(NOON) + 10_000;
const CREDENTIAL = {
  token: new Secret('token'),
  record: {
    id: 'jti-1',
    secretName: aBoundCredential().secretName,
    secretUID: aBoundCredential().secretUID,
    expirationTime: '2026-01-02T12:10:00Z',
  },
};

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

const ATTEMPT = 'attempt-1';
const OTHER_ATTEMPT = 'attempt-2';

async function attempt(
  write: StubHandler,
  read?: StubHandler,
  issued: { credential: typeof CREDENTIAL | undefined } = { credential: CREDENTIAL },
): Promise<Consumption> {
  stub.handler = (request, response) => {
    if (request.method === 'PUT') write(request, response);
    else if (read === undefined) throw new Error('nothing is to be read back');
    else read(request, response);
  };
  return consume({
    client: await stub.client(),
    cache: aGrantCache(),
    grant: GRANT,
    nonce: 'nonce-1',
    attemptID: ATTEMPT,
    caller: {
      namespace: 'soc',
      serviceAccountName: 'incident-agent',
      podName: 'incident-agent-0',
      podUID: 'pod-1',
    },
    ...issued,
    now: NOW,
    timeoutMilliseconds: 1_000,
  });
}

const lost: StubHandler = (request) => request.socket.destroy();
const silent: StubHandler = () => {};
const failed: StubHandler = (_, response) => answer(response, 500, status(500, 'InternalError'));
const applied: StubHandler = (request, response) =>
  answer(response, 200, { ...JSON.parse(request.body) });

/** A grant in use by this nonce, consumed by this attempt with a token of its own. */
const used = (id: string, attemptID: string, metadata = GRANT.metadata): StubHandler => {
  const uses = [aUse({ id, attemptID, credential: aUseCredential({ id: `jti of ${attemptID}` }) })];
  return (_, response) =>
    answer(response, 200, { ...GRANT, metadata, status: anInUseStatus({ uses }) });
};

/** A grant in use by this nonce whose record names no attempt. */
const withoutAttempt = (credentialID: string): StubHandler => {
  const { attemptID: _, ...use } = aUse({
    id: 'nonce-1',
    credential: aUseCredential({ id: credentialID }),
  });
  return (_, response) =>
    answer(response, 200, { ...GRANT, status: anInUseStatus({ uses: [use] }) });
};
const byOldReplica = withoutAttempt('jti-of-another-replica');
const pruned = withoutAttempt(CREDENTIAL.record.id);

describe('the consuming write', () => {
  it('is a compare-and-swap that names the UID, the nonce, the attempt, the pod and the token', async () => {
    expect((await attempt(applied)).type).toBe('Consumed');
    expect(stub.requests).toHaveLength(1);
    const [request] = stub.requests;
    expect(request?.path).toBe(
      '/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants/quarantine-host-7/status',
    );
    const { metadata, status: written } = JSON.parse(request?.body ?? '');
    expect(metadata).toMatchObject({ uid: GRANT.metadata.uid, resourceVersion: '7' });
    expect(written as ActionGrantStatus).toMatchObject({
      phase: 'InUse',
      uses: [
        {
          id: 'nonce-1',
          attemptID: ATTEMPT,
          podName: 'incident-agent-0',
          podUID: 'pod-1',
          startTime: '2026-01-02T12:00:10.000Z',
          deadlineTime: '2026-01-02T12:00:40.000Z',
          credential: {
            id: 'jti-1',
            secretName: aBoundCredential().secretName,
            secretUID: aBoundCredential().secretUID,
            expirationTime: '2026-01-02T12:10:00Z',
          },
        },
      ],
    });
    expect(request?.body).not.toContain('"token"');
  });

  it.each([
    [409, 'Conflict'],
    [404, 'NotFound'],
  ])('that is answered %i %s is a conflict: nothing was consumed', async (code, reason) => {
    const write: StubHandler = (_, response) => answer(response, code, status(code, reason));
    expect(await attempt(write)).toEqual({ type: 'Conflict' });
  });

  it.each([
    [403, 'Forbidden'],
    [422, 'Invalid'],
    [429, 'TooManyRequests'],
  ])(
    'that is answered %i %s was not applied, and its reason is passed on',
    async (code, reason) => {
      const write: StubHandler = (_, response) => answer(response, code, status(code, reason));
      const error = await attempt(write).catch((e: unknown) => e);
      expect(isKubernetesError(error)).toBe(true);
      expect(stub.requests).toHaveLength(1);
    },
  );
});

describe.each<[string, StubHandler]>([
  ['whose connection breaks', lost],
  ['that is not answered in time', silent],
  ['that is answered 500', failed],
])('a write %s is read back from the API server', (_, write) => {
  it('and is ours if the grant names this nonce and this very attempt', async () => {
    expect((await attempt(write, used('nonce-1', ATTEMPT))).type).toBe('Consumed');
    expect(stub.requests.at(-1)).toMatchObject({ method: 'GET' });
    expect(stub.requests.at(-1)?.query.size).toBe(0);
  });

  it.each<[string, StubHandler]>([
    ['names another attempt, and so another token, of this nonce', used('nonce-1', OTHER_ATTEMPT)],
    ['names another nonce', used('nonce-2', ATTEMPT)],
    ['names an attempt for this nonce without ID: a replica of an earlier release', byOldReplica],
    ['has lost the ID of the attempt: a CRD of an earlier release', pruned],
    [
      'is another grant of this name',
      used('nonce-1', ATTEMPT, { ...GRANT.metadata, uid: 'another' }),
    ],
    ['is not in use: the write may still land', (_, r) => answer(r, 200, GRANT)],
    ['is gone', (_, r) => answer(r, 404, status(404, 'NotFound'))],
    ['cannot be read', lost],
  ])('and is ambiguous if the grant %s', async (_, read) => {
    expect(await attempt(write, read)).toEqual({ type: 'Ambiguous' });
  });

  it.each([
    [ATTEMPT, 'Consumed'],
    [OTHER_ATTEMPT, 'Ambiguous'],
  ])('and without a credential too the attempt decides: %s is %s', async (attemptID, type) => {
    const { credential: _, ...use } = aUse({ id: 'nonce-1', attemptID });
    const read: StubHandler = (_, response) =>
      answer(response, 200, { ...GRANT, status: anInUseStatus({ uses: [use] }) });
    expect((await attempt(write, read, { credential: undefined })).type).toBe(type);
  });
});
