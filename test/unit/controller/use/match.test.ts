import { describe, expect, it } from 'vitest';
import {
  type CallFacts,
  type Mismatch,
  mismatch,
  preferred,
} from '../../../../controller/use/match.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import {
  aBoundCredential,
  aGivenBackStatus,
  aGrant,
  aGrantSpec,
  anApprovedStatus,
  anEndedUse,
  anHttpAction,
  aStatus,
  NOON,
  noonPlus,
  withoutCredential,
} from '../../../support/builders.ts';

const NOW = Date.parse(NOON) + 60_000;
const { digest } = grantedAction(anHttpAction());

const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'incident-agent-0',
  podUID: 'pod-1',
};

const aCall = (overrides: Partial<CallFacts> = {}): CallFacts => ({
  caller: CALLER,
  nonce: 'nonce-1',
  digest,
  now: NOW,
  acceptsGrantsFrom: () => false,
  ...overrides,
});

const approved = (
  spec: Parameters<typeof aGrantSpec>[0] = {},
  status = anApprovedStatus(),
  metadata: NonNullable<Parameters<typeof aGrant>[0]>['metadata'] = {},
) => aGrant({ spec, status, metadata });

const agent = { serviceAccountName: 'incident-agent' };
const elsewhere = approved({ agent: { ...agent, namespace: 'agents' } }, anApprovedStatus(), {
  namespace: 'soc',
});
const guest = { ...CALLER, namespace: 'agents' };

describe('a grant permits a call', () => {
  it.each<[string, ReturnType<typeof aGrant>, CallFacts]>([
    ['of its agent for its action', approved(), aCall()],
    [
      'of the pod that it names',
      approved({ agent: { ...agent, podName: CALLER.podName } }),
      aCall(),
    ],
    ['of the pod UID that it names', approved({ agent: { ...agent, podUID: 'pod-1' } }), aCall()],
    [
      'of an agent in another namespace that accepts its grants',
      elsewhere,
      aCall({
        caller: guest,
        acceptsGrantsFrom: (agents, grants) => agents === 'agents' && grants === 'soc',
      }),
    ],
    ['again after an attempt that sent nothing', approved({}, aGivenBackStatus()), aCall()],
    ['until the last moment', approved(), aCall({ now: Date.parse(noonPlus(905)) - 1 })],
    [
      'that needs no credential',
      (() => {
        const { credential: _, ...status } = anApprovedStatus();
        return { ...approved({}, status), spec: withoutCredential(aGrantSpec()) };
      })(),
      aCall(),
    ],
  ])('%s', (_, grant, call) => {
    expect(mismatch(grant, call)).toBeUndefined();
  });
});

describe('each rule alone refuses a call', () => {
  const attempts = ['a', 'b', 'c'].map((id) => anEndedUse('NotDispatched', { id }));

  it.each<[Mismatch, string, ReturnType<typeof aGrant>, Partial<CallFacts>?]>([
    ['is not approved', 'without status', aGrant()],
    ['is not approved', 'that waits', aGrant({ status: aStatus('Pending') })],
    ['is not approved', 'in use', aGrant({ status: aStatus('InUse') })],
    ['is not approved', 'that was used', aGrant({ status: aStatus('Finished') })],
    ['is not approved', 'that was denied', aGrant({ status: aStatus('Denied') })],
    ['is not approved', 'that expired', aGrant({ status: aStatus('Expired') })],
    ['is not approved', 'that was revoked', aGrant({ status: aStatus('Revoked') })],
    [
      'is being deleted',
      'held by a finalizer',
      approved({}, anApprovedStatus(), { deletionTimestamp: NOON }),
    ],
    ['has expired', 'at its expiration', approved(), { now: Date.parse(noonPlus(905)) }],
    [
      'has expired',
      'with an unreadable expiration',
      approved({}, anApprovedStatus({ expirationTime: 'soon' })),
    ],
    [
      'has expired',
      'without expiration',
      (() => {
        const { expirationTime: _, ...status } = anApprovedStatus();
        return approved({}, status);
      })(),
    ],
    [
      'is for another agent',
      'with another account',
      approved(),
      { caller: { ...CALLER, serviceAccountName: 'other' } },
    ],
    ['is for another agent', 'of the same name elsewhere', approved(), { caller: guest }],
    ['is for another agent', 'that is elsewhere', elsewhere],
    [
      'is for another pod of the agent',
      'by name',
      approved({ agent: { ...agent, podName: 'incident-agent-1' } }),
    ],
    [
      'is for another pod of the agent',
      'of the same name, but made again',
      approved({ agent: { ...agent, podName: CALLER.podName, podUID: 'pod-0' } }),
    ],
    [
      "is in a namespace whose grants the agent's namespace does not accept",
      'from elsewhere',
      elsewhere,
      { caller: guest },
    ],
    ['is for another action', 'by its spec', approved(), { digest: '0'.repeat(64) }],
    [
      'is for another action',
      'whose status says otherwise',
      approved(
        { action: anHttpAction({ method: 'PUT' }) },
        anApprovedStatus({ actionDigest: digest }),
      ),
    ],
    [
      'is for another action',
      'that cannot be read any more',
      approved({ action: anHttpAction({ body: { type: 'JSON', json: '{"a":1,"a":2}' } }) }),
    ],
    [
      'was already tried by this call',
      'with this nonce',
      approved({}, anApprovedStatus({ uses: [anEndedUse('NotDispatched', { id: 'nonce-1' })] })),
    ],
    ['has no attempts left', 'after three', approved({}, anApprovedStatus({ uses: attempts }))],
    [
      'has no credential to mint from',
      'whose status names no Secret',
      (() => {
        const { credential: _, ...status } = anApprovedStatus();
        return approved({}, status);
      })(),
    ],
    [
      'has no credential to mint from',
      'that asks for none, but names a Secret',
      { ...approved(), spec: withoutCredential(aGrantSpec()) },
    ],
  ])('%s: %s', (reason, _, grant, call = {}) => {
    expect(mismatch(grant, aCall(call))).toBe(reason);
  });
});

describe('of several grants', () => {
  const until = (seconds: number) =>
    approved({}, anApprovedStatus({ expirationTime: noonPlus(seconds) }));

  it('the one that states most of the call comes first, then the one that expires first', () => {
    const candidates = [
      { grant: until(10), form: 'Any' },
      { grant: until(30), form: 'SHA256' },
      { grant: until(50), form: 'JSON' },
      { grant: until(40), form: 'JSON' },
      { grant: until(20), form: 'None' },
    ] as const;
    expect(
      [...candidates]
        .sort(preferred)
        .map(({ grant, form }) => [form, grant.status?.expirationTime]),
    ).toEqual([
      ['None', noonPlus(20)],
      ['JSON', noonPlus(40)],
      ['JSON', noonPlus(50)],
      ['SHA256', noonPlus(30)],
      ['Any', noonPlus(10)],
    ]);
  });
});

it('a status that names a Secret does not make up for a spec that says nothing of it', () => {
  const grant = { ...approved(), spec: withoutCredential(aGrantSpec()) };
  expect(grant.status?.credential).toEqual(aBoundCredential());
  expect(mismatch(grant, aCall())).toBeDefined();
});
