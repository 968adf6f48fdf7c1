import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  hasChanged,
  matchGrants,
  nearGrants,
  otherGrants,
} from '../../../../controller/use/look.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import type { ActionGrant, ActionGrantStatus } from '../../../../core/api/generated/actiongrant.ts';
import {
  aFinishedStatus,
  aGrant,
  anApprovedStatus,
  anHttpAction,
  aPendingStatus,
  NOON,
  noonPlus,
} from '../../../support/builders.ts';
import { aUseRequest } from '../../../support/exchange.ts';
import { GrantServer } from '../grant-server.ts';

const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'incident-agent-0',
  podUID: 'pod-1',
};
const REQUEST = aUseRequest();
const ANY_BODY = anHttpAction({ body: { type: 'Any' } });
const digestOf = (action: ActionGrant['spec']['action']) => grantedAction(action).digest;

let server: GrantServer;
beforeEach(async () => {
  server = await GrantServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

function put(
  name: string,
  status: ActionGrantStatus,
  { action = anHttpAction(), namespace = 'soc', created = NOON } = {},
): void {
  server.put(
    aGrant({
      metadata: { name, namespace, creationTimestamp: created },
      spec: { action, agent: { serviceAccountName: 'incident-agent', namespace: 'soc' } },
      status: { ...status, actionDigest: digestOf(action) },
    }),
  );
}
const until = (seconds: number) => anApprovedStatus({ expirationTime: noonPlus(seconds) });
const dependencies = (accepted: readonly string[] = []) => ({
  cache: server.cache,
  acceptsGrantsFrom: (_agent: string, grant: string) => accepted.includes(grant),
});
const namesOf = (grants: readonly ActionGrant[]) => grants.map(({ metadata }) => metadata.name);

describe('the grants that permit a call', () => {
  const found = () => matchGrants(dependencies(), CALLER, REQUEST, Date.parse(NOON));
  const matching = () => found().matching.map(({ grant, form }) => [grant.metadata.name, form]);

  it('come with what states most of the call first, then with what expires first', () => {
    put('any', until(60), { action: ANY_BODY });
    put('late', until(600));
    put('soon', until(300));
    expect(matching()).toEqual([
      ['soon', 'JSON'],
      ['late', 'JSON'],
      ['any', 'Any'],
    ]);
    expect(found().mismatches).toEqual([]);
  });

  it('are without those that do not, of which the reasons are told', () => {
    put('expired', until(0));
    put('used', aFinishedStatus());
    expect(found()).toEqual({ matching: [], mismatches: ['has expired'] });
  });
});

describe('grants that nearly permit a call', () => {
  const other = anHttpAction({ method: 'PUT' });
  const near = (accepted?: readonly string[]) =>
    namesOf(
      nearGrants(dependencies(accepted), CALLER, REQUEST, Date.parse(NOON)).map(
        ({ grant }) => grant,
      ),
    );

  it('are those that the caller could use, and no others', () => {
    put('usable', until(60), { action: other });
    put('expired', until(0), { action: other });
    put('used', aFinishedStatus(), { action: other });
    put('pending', aPendingStatus(), { action: other });
    put('foreign', until(60), { action: other, namespace: 'desk' });
    server.put(
      aGrant({
        metadata: { name: 'of-another-agent' },
        spec: { action: other, agent: { serviceAccountName: 'helpdesk' } },
        status: { ...until(60), actionDigest: digestOf(other) },
      }),
    );
    server.put(
      aGrant({
        metadata: { name: 'of-another-pod' },
        spec: { action: other, agent: { serviceAccountName: 'incident-agent', podName: 'x' } },
        status: { ...until(60), actionDigest: digestOf(other) },
      }),
    );
    expect(near()).toEqual(['usable']);
    expect(near(['desk']).sort()).toEqual(['foreign', 'usable']);
  });
});

describe('the other grants for an action', () => {
  const others = (accepted?: readonly string[]) =>
    namesOf(otherGrants(dependencies(accepted), CALLER, REQUEST));

  it('come with the latest first', () => {
    put('older', aFinishedStatus(), { created: noonPlus(1) });
    put('newer', aPendingStatus(), { created: noonPlus(2) });
    put('usable', until(60));
    expect(others()).toEqual(['newer', 'older']);
  });

  it("are without those of a namespace that the agent's own does not accept", () => {
    put('foreign', aFinishedStatus(), { namespace: 'ops' });
    expect(others()).toEqual([]);
    expect(others(['ops'])).toEqual(['foreign']);
  });
});

describe('a grant that is read again', () => {
  const NAME = 'quarantine-host-7';
  const changed = async (grant: ActionGrant) => {
    const { client, cache } = await server.dependencies();
    return hasChanged({ client, cache }, grant, 1_000);
  };

  it('has not changed while its version is the same', async () => {
    expect(await changed(server.put(aGrant({ status: until(60) })))).toBe(false);
  });

  it('has changed with its version, and the cache has the new one', async () => {
    const grant = server.put(aGrant({ status: until(60) }));
    server.writeElsewhere(NAME, aFinishedStatus());
    expect(await changed(grant)).toBe(true);
    expect(server.cache.get({ namespace: 'soc', name: NAME })?.status?.phase).toBe('Finished');
  });

  it('has changed if it is gone', async () => {
    expect(await changed(aGrant())).toBe(true);
  });

  it('is not said to have changed while the API server does not answer', async () => {
    const grant = server.put(aGrant());
    server.intercept = ({ socket }) => {
      socket.destroy();
      return true;
    };
    await expect(changed(grant)).rejects.toThrow();
  });
});
