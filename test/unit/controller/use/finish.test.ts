import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFinishHandler, type FinishHandler } from '../../../../controller/use/finish.ts';
import { createFreshener } from '../../../../controller/use/freshen.ts';
import type { ActionGrant, Outcome } from '../../../../core/api/generated/actiongrant.ts';
import type { FinishRequest } from '../../../../core/wire/finish.ts';
import {
  aBoundCredential,
  aGrant,
  aGrantSpec,
  anInUseStatus,
  aUse,
  withoutCredential,
} from '../../../support/builders.ts';
import { answer, status } from '../../../support/stub-api-server.ts';
import { GrantServer } from '../grant-server.ts';

const NAME = 'quarantine-host-7';
const USE = aUse({ id: 'nonce-1' });
const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: USE.podName,
  podUID: USE.podUID,
};

let server: GrantServer;
let handler: FinishHandler;
/** Uses whose credentials are asked about. */
let confirmed: string[];

beforeEach(async () => {
  server = await GrantServer.start();
  confirmed = [];
  const dependencies = await server.dependencies();
  handler = createFinishHandler({
    ...dependencies,
    freshener: createFreshener({
      ...dependencies,
      phase: 'InUse',
      acceptedNamespaces: () => [],
    }),
    confirmer: { confirm: (_grant, nonce) => void confirmed.push(nonce) },
  });
});
afterEach(() => server[Symbol.asyncDispose]());

const inUse = (): ActionGrant => aGrant({ status: anInUseStatus({ uses: [USE] }) });
const report = (outcome: Outcome, more: Partial<FinishRequest> = {}) =>
  handler.finish(CALLER, USE.id, { outcome, ...more });
const { secretName } = aBoundCredential();

describe('the report of a use', () => {
  it('revokes, then records, then confirms', async () => {
    server.put(inUse());
    const answered = await report('Failed', { responseCode: 503 });
    expect(answered).toEqual({ phase: 'Finished', outcome: 'Failed' });
    expect(server.requests).toEqual(['DELETE secret', 'PUT status']);
    const { uses } = server.statusOf(NAME);
    expect(uses).toMatchObject([{ outcome: 'Failed', responseCode: 503 }]);
    expect(uses?.[0]?.credential?.deletedTime).toBe(new Date(server.clock.now()).toISOString());
    expect(confirmed).toEqual([USE.id]);
    expect(server.events).toEqual(['Used']);
  });

  it('of a grant without credential records, with nothing to revoke or to confirm', async () => {
    const { credential: _1, ...use } = USE;
    const { credential: _2, ...bare } = anInUseStatus({ uses: [use] });
    server.put({ ...aGrant({ status: bare }), spec: withoutCredential(aGrantSpec()) });
    expect(await report('Succeeded')).toEqual({ phase: 'Finished', outcome: 'Succeeded' });
    expect(server.requests).toEqual(['PUT status']);
    expect(confirmed).toEqual([]);
  });

  it('that sent nothing makes the grant usable again, with another Secret', async () => {
    server.put(inUse());
    expect(await report('NotDispatched')).toEqual({ phase: 'Approved', outcome: 'NotDispatched' });
    const { credential, uses } = server.statusOf(NAME);
    expect(uses).toMatchObject([{ id: USE.id, outcome: 'NotDispatched' }]);
    expect(credential?.secretName).not.toBe(secretName);
    expect([...server.secrets]).toEqual([[credential?.secretName, credential?.secretUID]]);
  });

  it('that sent nothing ends the grant if it cannot be made usable again', async () => {
    server.put(inUse());
    server.accounts.clear();
    expect(await report('NotDispatched')).toEqual({ phase: 'Finished', outcome: 'NotDispatched' });
    expect(server.statusOf(NAME)).toMatchObject({ outcome: 'NotDispatched' });
    expect([...server.secrets]).toEqual([]);
  });

  it('that is repeated changes nothing, and is answered as the first one', async () => {
    server.put(inUse());
    await report('Succeeded');
    const before = server.requests.length;
    expect(await report('Unknown')).toEqual({ phase: 'Finished', outcome: 'Succeeded' });
    expect(server.requests).toHaveLength(before);
  });

  it('that is repeated while the first one is worked on costs no further write', async () => {
    server.put(inUse());
    const answers = await Promise.all(Array.from({ length: 50 }, () => report('Succeeded')));
    expect(new Set(answers.map(({ phase, outcome }) => `${phase} ${outcome}`))).toEqual(
      new Set(['Finished Succeeded']),
    );
    expect(server.requests).toEqual(['DELETE secret', 'PUT status']);
  });

  it('of another pod changes nothing', async () => {
    server.put(inUse());
    const other = handler.finish({ ...CALLER, podUID: 'another' }, USE.id, {
      outcome: 'Succeeded',
    });
    await expect(other).rejects.toMatchObject({ code: 'UseNotYours' });
    expect(server.requests).toEqual([]);
  });
});

describe('a use is found', () => {
  it('by its grant, where the cache does not have it in use yet', async () => {
    const grant = server.put(inUse(), { cached: false });
    const { namespace, name, uid } = grant.metadata;
    const answered = await report('Succeeded', { grant: { namespace, name, uid } });
    expect(answered.phase).toBe('Finished');
    expect(server.requests[0]).toBe('GET actiongrant');
  });

  it('among the grants in use, where the sidecar never learned which grant it was', async () => {
    server.put(inUse(), { cached: false });
    expect((await report('NotDispatched')).phase).toBe('Approved');
    expect(server.stub.requests[0]?.query.get('fieldSelector')).toBe(
      'spec.agent.serviceAccountName=incident-agent,status.phase=InUse',
    );
  });

  it.each<[string, () => Partial<FinishRequest>]>([
    ['no grant names it', () => ({})],
    [
      'the grant that the report names was made again',
      () => ({ grant: { namespace: 'soc', name: NAME, uid: 'another' } }),
    ],
    [
      'the grant that the report names is gone',
      () => ({ grant: { namespace: 'soc', name: 'gone', uid: 'gone' } }),
    ],
  ])('by nobody if %s', async (_, more) => {
    server.put(aGrant({ status: anInUseStatus({ uses: [aUse({ id: 'another' })] }) }));
    await expect(report('Succeeded', more())).rejects.toMatchObject({ code: 'UseUnknown' });
    expect(server.requests).not.toContain('PUT status');
  });
});

describe('a report that meets trouble', () => {
  it('looks again where the cache is behind', async () => {
    server.put(inUse());
    server.writeElsewhere(NAME, server.statusOf(NAME));
    expect((await report('Succeeded')).phase).toBe('Finished');
    expect(server.requests).toEqual([
      'DELETE secret',
      'PUT status',
      'GET actiongrant',
      'DELETE secret',
      'PUT status',
    ]);
  });

  it('leaves no Secret behind that no status names', async () => {
    server.put(inUse());
    server.writeElsewhere(NAME, server.statusOf(NAME));
    expect((await report('NotDispatched')).phase).toBe('Approved');
    const { credential } = server.statusOf(NAME);
    expect([...server.secrets.keys()]).toEqual([credential?.secretName]);
  });

  it('gives up after eight conflicts', async () => {
    server.put(inUse());
    server.intercept = ({ method }, response) => {
      if (method !== 'PUT') return false;
      answer(response, 409, status(409, 'Conflict'));
      return true;
    };
    await expect(report('Succeeded')).rejects.toMatchObject({ code: 'UseRaced' });
    expect(server.requests.filter((request) => request === 'PUT status')).toHaveLength(8);
  });

  it('records nothing while the Secret may exist, and says so', async () => {
    server.put(inUse());
    server.intercept = ({ method }, response) => {
      if (method !== 'DELETE') return false;
      answer(response, 200, { kind: 'Secret', metadata: { name: secretName } });
      return true;
    };
    await expect(report('Succeeded')).rejects.toMatchObject({ code: 'KubernetesUnavailable' });
    expect(server.statusOf(NAME).phase).toBe('InUse');
    expect(server.requests).not.toContain('PUT status');
    expect(server.events).toEqual(['RevocationUnconfirmed']);
  });

  it('is retryable where the API server does not answer', async () => {
    server.put(inUse());
    server.intercept = ({ socket }) => {
      socket.destroy();
      return true;
    };
    await expect(report('Succeeded')).rejects.toMatchObject({
      code: 'KubernetesUnavailable',
      retryable: true,
    });
  });
});
