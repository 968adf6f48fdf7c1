import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createUseFinder,
  mayEndOpenUse,
  type UseFinder,
} from '../../../../controller/use/find-use.ts';
import { createFreshener } from '../../../../controller/use/freshen.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import type { GrantReference } from '../../../../core/wire/grant-reference.ts';
import {
  aFinishedStatus,
  aGrant,
  anApprovedStatus,
  anInUseStatus,
  aUse,
} from '../../../support/builders.ts';
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
let finder: UseFinder | undefined;
beforeEach(async () => {
  server = await GrantServer.start();
  finder = undefined;
});
afterEach(() => server[Symbol.asyncDispose]());

function referenceTo({ metadata: { namespace, name, uid } }: ActionGrant): GrantReference {
  return { namespace, name, uid };
}

async function find(grant?: GrantReference, live = false, nonce = USE.id) {
  const dependencies = await server.dependencies();
  const report = { outcome: 'Succeeded' as const, ...(grant === undefined ? {} : { grant }) };
  finder ??= createUseFinder({
    ...dependencies,
    freshener: createFreshener({ ...dependencies, phase: 'InUse', acceptedNamespaces: () => [] }),
  });
  return finder.find({ caller: CALLER, nonce, report }, live);
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

describe('reports of uses that nobody knows', () => {
  const FLOOD = 200;
  /** What a flood comes to, with as much time as it takes. */
  const flood = async (report: (index: number) => Promise<unknown>): Promise<void> => {
    const reports = Array.from({ length: FLOOD }, (_, index) =>
      report(index).catch((error: { code?: string }) => error.code),
    );
    const codes = await server.clock.through(Promise.all(reports));
    expect(new Set(codes)).toEqual(new Set(['UseUnknown']));
  };

  it('that name no grant are few questions about the namespaces of the agent, and not about the cluster', async () => {
    server.put(aGrant({ status: anInUseStatus({ uses: [aUse({ id: 'another' })] }) }));
    await flood((index) => find(undefined, false, `unknown-${index}`));
    expect(server.requests.length).toBeLessThanOrEqual(5);
    expect(server.stub.requests[0]?.path).toBe(
      '/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants',
    );
  });

  it('that name a grant are few questions about it', async () => {
    const grant = server.put(IN_USE, { cached: false });
    await flood((index) => find(referenceTo(grant), false, `unknown-${index}`));
    expect(server.requests.length).toBeLessThanOrEqual(5);
  });

  it('that name many grants are few questions at a time', async () => {
    let underWay = 0;
    let most = 0;
    server.intercept = (request, response) => {
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        server.handle(request, response);
      }, 1);
      return true;
    };
    await flood((index) =>
      find({ namespace: 'soc', name: `g${index}`, uid: 'x' }, false, `unknown-${index}`),
    );
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe('a report may end a use that is under way', () => {
  const may = (grant?: GrantReference, caller = CALLER, nonce = USE.id) =>
    mayEndOpenUse(server.cache, {
      caller,
      nonce,
      report: { outcome: 'Succeeded', ...(grant === undefined ? {} : { grant }) },
    });

  it('of a use that the cache has in use by this pod', () => {
    server.put(IN_USE);
    expect(may(referenceTo(IN_USE))).toBe(true);
    expect(may()).toBe(true);
  });

  it('that names a grant of this agent which the cache does not have in use yet', () => {
    const grant = server.put(aGrant({ status: anApprovedStatus() }));
    expect(may(referenceTo(grant))).toBe(true);
  });

  it.each<[string, () => ActionGrant, Partial<typeof CALLER>, boolean]>([
    ['that another pod has in use', () => IN_USE, { podUID: 'another' }, true],
    [
      'that has ended',
      () => aGrant({ status: aFinishedStatus('Succeeded', { uses: [USE] }) }),
      {},
      true,
    ],
    ['of a grant that has ended', () => aGrant({ status: aFinishedStatus() }), {}, true],
    [
      'of a grant of another agent',
      () => aGrant({ status: anApprovedStatus() }),
      { serviceAccountName: 'other' },
      true,
    ],
    [
      'of a grant of an agent elsewhere',
      () => aGrant({ status: anApprovedStatus() }),
      { namespace: 'other' },
      true,
    ],
    ['that nobody knows, of a grant without name', () => aGrant(), {}, false],
  ])('but not one %s', (_, grant, caller, named) => {
    const put = server.put(grant());
    expect(may(named ? referenceTo(put) : undefined, { ...CALLER, ...caller })).toBe(false);
  });

  it('but not one of a grant that was made again under its name', () => {
    const grant = server.put(aGrant({ status: anApprovedStatus() }));
    expect(may({ ...referenceTo(grant), uid: 'another' })).toBe(false);
  });
});
