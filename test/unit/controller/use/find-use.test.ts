import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findUse } from '../../../../controller/use/find-use.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import type { GrantReference } from '../../../../core/wire/grant-reference.ts';
import { aFinishedStatus, aGrant, anInUseStatus, aUse } from '../../../support/builders.ts';
import { GrantServer } from '../grant-server.ts';

const USE = aUse({ id: 'nonce-1' });
const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: USE.podName,
  podUID: USE.podUID,
};
const IN_USE = aGrant({ status: anInUseStatus({ uses: [USE] }) });

let server: GrantServer;
beforeEach(async () => {
  server = await GrantServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

function referenceTo({ metadata: { namespace, name, uid } }: ActionGrant): GrantReference {
  return { namespace, name, uid };
}

async function find(grant?: GrantReference, live = false) {
  const dependencies = await server.dependencies();
  const report = { outcome: 'Succeeded' as const, ...(grant === undefined ? {} : { grant }) };
  return findUse(dependencies, { caller: CALLER, nonce: USE.id, report }, live);
}

describe('the grant that a nonce was used on', () => {
  it.each([
    ['comes from the cache, without a question to the API server', true, true, false, 0],
    ['comes from the cache also if the report names none', true, false, false, 0],
    ['is read where the cache does not have it', false, true, false, 1],
    ['is read again where the cache is known to be behind', true, true, true, 1],
    ['is looked for among those in use if nobody can name it', false, false, false, 1],
  ])('%s', async (_, cached, named, live, requests) => {
    server.put(IN_USE, { cached });
    const found = await find(named ? referenceTo(IN_USE) : undefined, live);
    expect(found.use).toMatchObject({ id: USE.id });
    expect(found.grant.metadata.uid).toBe(IN_USE.metadata.uid);
    expect(server.requests).toHaveLength(requests);
  });

  it.each<[string, ActionGrant | undefined, GrantReference | undefined]>([
    ['nobody knows the nonce', undefined, undefined],
    ['the grant that is named is gone', undefined, referenceTo(IN_USE)],
    [
      'another grant has its name now',
      aGrant({
        metadata: { ...IN_USE.metadata, uid: 'another' },
        status: anInUseStatus({ uses: [USE] }),
      }),
      referenceTo(IN_USE),
    ],
    [
      'the grant that is named was used by another call',
      aGrant({ status: anInUseStatus({ uses: [aUse({ id: 'nonce-2' })] }) }),
      referenceTo(IN_USE),
    ],
    [
      'the only grant of the agent is not in use any more',
      aGrant({ status: aFinishedStatus() }),
      undefined,
    ],
  ])('is not found where %s', async (_, grant, reference) => {
    if (grant !== undefined) server.put(grant, { cached: false });
    await expect(find(reference)).rejects.toMatchObject({ code: 'UseUnknown', field: 'nonce' });
  });
});
