import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ActionGrant,
  ActionGrantSpec,
  ActionGrantStatus,
  Phase,
  Use,
} from '../../core/api/generated/actiongrant.ts';
import { PHASE_MOVES } from '../../core/api/phase.ts';
import {
  aBoundCredential,
  aFinishedStatus,
  aGivenBackStatus,
  aGrantSpec,
  aNewGrant,
  anApprovedStatus,
  anEndedUse,
  anInUseStatus,
  aPendingStatus,
  aStatus,
  aUse,
  aUseCredential,
  noonPlus,
  withoutCredential,
} from '../support/builders.ts';
import { installCrds } from '../support/crds.ts';
import { causesOf, ruleMessages } from '../support/refusal.ts';
import { shareControlPlane } from '../support/shared.ts';

/*
 * What a real API server says to the controller itself: whatever writes a status, and however wrong it is, a grant is used
 * once, an end is final and a record only grows. Each rule below status refuses something here (the last test counts).
 */

const plane = await shareControlPlane();
const seen = new Set<string>();
let grants: string;

beforeAll(async () => {
  await installCrds(plane);
  const namespace = await plane.createNamespace('crd-status');
  grants = `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
});
afterAll(() => plane.disconnect());

type AnyStatus = ActionGrantStatus | Readonly<Record<string, unknown>> | null;

/** The writes that lead to each phase, and to an approved grant that was given back. */
const WAYS: Readonly<Record<Phase | '' | 'GivenBack', readonly ActionGrantStatus[]>> = {
  '': [],
  Pending: [aStatus('Pending')],
  Approved: [aStatus('Approved')],
  InUse: [aStatus('Approved'), aStatus('InUse')],
  Finished: [aStatus('Approved'), aStatus('InUse'), aStatus('Finished')],
  Denied: [aStatus('Pending'), aStatus('Denied')],
  Expired: [aStatus('Approved'), aStatus('Expired')],
  Revoked: [aStatus('Approved'), aStatus('Revoked')],
  GivenBack: [aStatus('Approved'), aStatus('InUse'), aGivenBackStatus()],
};

/** A grant that really went that way. */
async function aGrantWith(...statuses: readonly AnyStatus[]): Promise<ActionGrant> {
  let grant = await plane.api<ActionGrant>('POST', grants, aNewGrant());
  for (const status of statuses) {
    grant = await plane.api<ActionGrant>('PUT', `${grants}/${grant.metadata.name}/status`, {
      ...grant,
      status,
    });
  }
  return grant;
}

/** A status write that changes nothing, so that one grant serves many tests. */
async function attempt(grant: ActionGrant, status: AnyStatus) {
  const path = `${grants}/${grant.metadata.name}/status?dryRun=All`;
  const response = await plane.request('PUT', path, { ...grant, status });
  const causes = causesOf(response);
  for (const { message } of causes) seen.add(message);
  return { status: response.status, causes };
}

/** The grants of WAYS, each made once. */
const made = new Map<keyof typeof WAYS, Promise<ActionGrant>>();
function grantIn(way: keyof typeof WAYS): Promise<ActionGrant> {
  const grant = made.get(way) ?? aGrantWith(...WAYS[way]);
  made.set(way, grant);
  return grant;
}

/** The best-formed write that moves a grant to a phase: whatever the rules ask of the other fields, it has. */
function moved(from: ActionGrantStatus | undefined, to: Phase): ActionGrantStatus {
  const { outcome: _, finishTime: __, ...wanted } = aStatus(to);
  const before = from?.uses ?? [];
  const open = before.some((use) => use.endTime === undefined);
  const ended = before.map((use) => (use.endTime ? use : { ...use, ...endOf(to) }));
  const begins = to === 'InUse' && !open;
  const uses = begins ? [...ended, aUse({ id: randomUUID() })] : to === 'InUse' ? before : ended;
  const over = PHASE_MOVES[to].length === 0;
  const { approvalTime, expirationTime } = from?.approvalTime ? from : wanted;
  const givenBack = to === 'Approved' && open ? aGivenBackStatus().credential : undefined;
  const credential = givenBack ?? from?.credential ?? wanted.credential;
  return {
    ...wanted,
    ...(from?.actionDigest && { actionDigest: from.actionDigest }),
    ...(approvalTime && { approvalTime }),
    ...(expirationTime && { expirationTime }),
    ...(credential && { credential }),
    ...(uses.length > 0 && { uses }),
    ...(over && { finishTime: from?.finishTime ?? noonPlus(20) }),
    ...(over && from?.outcome && { outcome: from.outcome }),
    ...(over && open && { outcome: 'Unknown' }),
  };
}

function endOf(to: Phase): Partial<Use> {
  return { endTime: noonPlus(20), outcome: to === 'Approved' ? 'NotDispatched' : 'Unknown' };
}

const PHASES = Object.keys(PHASE_MOVES).filter((phase): phase is Phase => phase !== '');
const PAIRS = (['', ...PHASES] as const).flatMap((from) =>
  PHASES.map((to) => ({ from, to, allowed: from === to || PHASE_MOVES[from].includes(to) })),
);

describe('the phase', () => {
  test.for(PAIRS.filter(({ allowed }) => allowed))('may go from "$from" to $to', async (pair) => {
    const grant = await grantIn(pair.from);
    const { status, causes } = await attempt(grant, moved(grant.status, pair.to));
    expect(causes).toEqual([]);
    expect(status).toBe(200);
  });

  test.for(PAIRS.filter(({ allowed }) => !allowed))(
    'may not go from "$from" to $to',
    async (pair) => {
      const grant = await grantIn(pair.from);
      const { status, causes } = await attempt(grant, moved(grant.status, pair.to));
      expect(status).toBe(422);
      expect(causes).toContainEqual({
        field: 'status.phase',
        message: expect.stringMatching(/status\.phase (can move|cannot move|cannot begin)/),
      });
    },
  );

  test('cannot be forgotten by removing the status of a used grant', async () => {
    const grant = await grantIn('Finished');
    for (const status of [null, undefined]) {
      const { causes } = await attempt(grant, status as null);
      expect(causes).toContainEqual(
        expect.objectContaining({ message: expect.stringContaining('status cannot be removed') }),
      );
    }
    const patch = await plane.request(
      'PATCH',
      `${grants}/${grant.metadata.name}/status`,
      { status: null },
      { contentType: 'application/merge-patch+json' },
    );
    expect(patch.status).toBe(422);
  });

  test('cannot be left out of a status', async () => {
    const { causes } = await attempt(await grantIn('Finished'), {});
    expect(causes).toContainEqual({ field: 'status.phase', message: 'Required value' });
  });

  test('stays when the grant itself is updated with another status', async () => {
    const grant = await aGrantWith(...WAYS.Finished);
    const { body } = await plane.request<ActionGrant>('PUT', `${grants}/${grant.metadata.name}`, {
      ...grant,
      metadata: { ...grant.metadata, labels: { a: 'b' } },
      status: aStatus('Approved'),
    });
    expect(body.status).toEqual(grant.status);
  });
});

describe('the spec', () => {
  test.for<[string, (spec: ActionGrantSpec) => unknown]>([
    [
      'the action',
      (spec) => ({ ...spec, action: aGrantSpec({ timeoutSeconds: 1 }).action, timeoutSeconds: 1 }),
    ],
    ['the reason', (spec) => ({ ...spec, justification: 'another' })],
    ['the credential', withoutCredential],
    ['the approval', (spec) => ({ ...spec, approvedByRequester: true })],
    ['the requester', (spec) => ({ ...spec, requester: { username: 'somebody else' } })],
  ])('cannot change: %s', async ([, change]) => {
    const grant = await grantIn('Pending');
    const response = await plane.request('PUT', `${grants}/${grant.metadata.name}`, {
      ...grant,
      spec: change(grant.spec),
    });
    expect(causesOf(response)).toContainEqual({
      field: 'spec',
      message: expect.stringContaining('Create a new grant instead'),
    });
  });
});

/** A row: what is tried, on which grant, the write, the field that is refused and some of the message. */
type Row = [string, keyof typeof WAYS, AnyStatus, string, string];

const finished = aFinishedStatus();
const inUse = anInUseStatus();
const [use = aUse()] = inUse.uses ?? [];
const decision = {
  uid: '77777777-7777-4777-8777-777777777777',
  name: 'yes',
  decision: 'Approve',
  decider: { username: 'jane' },
  time: noonPlus(4),
} as const;
const { credential: _bound, ...noBound } = inUse;
const { uses: _uses, ...noUses } = finished;
const { outcome: _outcome, ...noOutcome } = finished;
const { finishTime: _finishTime, ...noFinishTime } = finished;
const { expirationTime: _expirationTime, ...noExpirationTime } = anApprovedStatus();
const { credential: _useCredential, ...bareUse } = use;
const { attemptID: _attemptID, ...noAttempt } = use;
const otherSecret = aBoundCredential({ secretUID: 'another' });

describe('the record', () => {
  // biome-ignore format: one row, one case
  test.for<Row>([
    ['an outcome that is set', 'Finished', { ...finished, outcome: 'Failed' }, 'status.outcome', 'cannot change once it is set'],
    ['an outcome that is removed', 'Finished', noOutcome, 'status.outcome', 'cannot change once it is set'],
    ['the digest of what was decided', 'Approved', anApprovedStatus({ actionDigest: 'f'.repeat(64) }), 'status.actionDigest', 'Keep it as it was read'],
    ['a later expiry, for a grant that was approved', 'Approved', anApprovedStatus({ expirationTime: noonPlus(90000) }), 'status.approvalTime', 'renews nothing'],
    ['a later approval, for a grant that was given back', 'GivenBack', aGivenBackStatus({ approvalTime: noonPlus(500) }), 'status.approvalTime', 'renews nothing'],
    ['a later end', 'Finished', { ...finished, finishTime: noonPlus(999) }, 'status.finishTime', 'Keep it as it was read'],
    ['another Secret for a use that is going on', 'InUse', anInUseStatus({ credential: otherSecret }), 'status.credential', 'Keep it as it was read'],
    ['no Secret for a use that is going on', 'InUse', noBound, 'status.credential', 'Keep it as it was read'],
    ['another Secret for a grant that is over', 'Finished', { ...finished, credential: otherSecret }, 'status.credential', 'Keep it as it was read'],
    ['another ServiceAccount of the same name', 'Approved', anApprovedStatus({ credential: aBoundCredential({ serviceAccountUID: 'another' }) }), 'status.credential.serviceAccountUID', 'not for another of the same name'],
    ['a use that is removed', 'Finished', noUses, 'status.uses', 'write back every entry that was read'],
    ['a use that is replaced by another', 'Finished', { ...finished, uses: [anEndedUse('Succeeded', { id: randomUUID() })] }, 'status.uses', 'write back every entry that was read'],
    ['a use that is added without consuming the grant', 'Finished', { ...finished, uses: [...(finished.uses ?? []), anEndedUse('Succeeded', { id: randomUUID() })] }, 'status.uses', 'must gain one entry exactly when'],
    ['a use in the first status', '', anApprovedStatus({ uses: [anEndedUse('NotDispatched')] }), 'status.uses', 'must gain one entry exactly when'],
    ['two uses at once', 'Approved', anInUseStatus({ uses: [use, aUse({ id: randomUUID() })] }), 'status.uses', 'must gain one entry exactly when'],
    ['a second use while one is going on', 'InUse', anInUseStatus({ uses: [anEndedUse('Unknown'), aUse({ id: randomUUID() })] }), 'status.uses', 'must gain one entry exactly when'],
    ['InUse that does not say by whom', 'Approved', anApprovedStatus({ phase: 'InUse' }), 'status.uses', 'exactly one entry without endTime'],
    ['an end whose use goes on', 'InUse', { ...finished, uses: [use] }, 'status.uses', 'exactly one entry without endTime'],
    ['InUse whose use has ended', 'InUse', anInUseStatus({ uses: [anEndedUse('Unknown')] }), 'status.uses', 'exactly one entry without endTime'],
    ['a use given back that may have been sent', 'InUse', aGivenBackStatus({ uses: [anEndedUse('Unknown')] }), 'status.phase', 'never given back'],
    ['a use given back with the Secret it had', 'InUse', aGivenBackStatus({ credential: aBoundCredential() }), 'status.credential', 'must name a new Secret'],
    ['a use of a token of another Secret', 'Approved', anInUseStatus({ uses: [aUse({ credential: aUseCredential({ secretUID: 'another' }) })] }), 'status.uses', 'mint for that UID only'],
    ['a use without the token it was given', 'Approved', anInUseStatus({ uses: [bareUse] }), '<nil>', 'needs a credential exactly if'],
    ['an end without an outcome', 'InUse', noOutcome, 'status.outcome', 'required in phase Finished'],
    ['an end with the outcome of no use', 'InUse', { ...finished, outcome: 'Failed' }, 'status.outcome', 'must be the outcome of one of status.uses'],
    ['a revocation that hides what the use did', 'InUse', { ...finished, phase: 'Revoked', outcome: 'NotDispatched' }, 'status.outcome', 'must be that of the use that was dispatched'],
    ['an end without its time', 'InUse', noFinishTime, 'status.finishTime', 'is required in the phases'],
    ['an outcome before the end', 'Pending', anApprovedStatus({ outcome: 'Unknown' }), 'status.finishTime', 'must be absent in the others'],
    ['an approval that never expires', 'Pending', noExpirationTime, 'status.approvalTime', 'Set both in the write that approves'],
    ['an approval time before the approval', '', aPendingStatus({ approvalTime: noonPlus(1) }), 'status.approvalTime', 'must be absent in Pending'],
    ['an approval without the Secret that it names', 'Pending', { ...noBound, phase: 'Approved', uses: [] }, '<nil>', 'create the Secret first'],
    ['another attempt for a use', 'InUse', anInUseStatus({ uses: [aUse({ attemptID: randomUUID() })] }), 'status.uses[0].attemptID', 'which write consumed the grant'],
    ['an attempt that is none', 'Approved', anInUseStatus({ uses: [aUse({ attemptID: 'x'.repeat(36) })] }), 'status.uses[0].attemptID', 'should match'],
    ['another pod for a use', 'InUse', anInUseStatus({ uses: [aUse({ podUID: 'another' })] }), 'status.uses[0]', 'who consumed the grant'],
    ['another pod name for a use', 'InUse', anInUseStatus({ uses: [aUse({ podName: 'another' })] }), 'status.uses[0]', 'who consumed the grant'],
    ['another start of a use', 'InUse', anInUseStatus({ uses: [aUse({ startTime: noonPlus(1) })] }), 'status.uses[0]', 'who consumed the grant'],
    ['a later deadline of a use', 'InUse', anInUseStatus({ uses: [aUse({ deadlineTime: noonPlus(400) })] }), 'status.uses[0]', 'who consumed the grant'],
    ['another token for a use', 'InUse', anInUseStatus({ uses: [aUse({ credential: aUseCredential({ id: 'another' }) })] }), 'status.uses[0].credential', 'one use has one token'],
    ['another expiry of the token', 'InUse', anInUseStatus({ uses: [aUse({ credential: aUseCredential({ expirationTime: noonPlus(1) }) })] }), 'status.uses[0].credential', 'one use has one token'],
    ['another end of a use', 'Finished', { ...finished, uses: [anEndedUse('Succeeded', { endTime: noonPlus(12) })] }, 'status.uses[0].endTime', 'cannot change once it has ended'],
    ['another outcome of a use', 'Finished', { ...finished, uses: [anEndedUse('Failed')] }, 'status.uses[0].endTime', 'cannot change once it has ended'],
    ['a response code after the end', 'Finished', { ...finished, uses: [anEndedUse('Succeeded', { responseCode: 200 })] }, 'status.uses[0].endTime', 'cannot change once it has ended'],
    ['an end of a use without its outcome', 'InUse', { ...finished, uses: [aUse({ endTime: noonPlus(11) })] }, 'status.uses[0].outcome', 'must be set together'],
    ['an answer to what was not sent', 'InUse', { ...aFinishedStatus('NotDispatched'), uses: [anEndedUse('NotDispatched', { responseCode: 200 })] }, 'status.uses[0].responseCode', 'nothing answered'],
    ['a nonce that is none', 'Approved', anInUseStatus({ uses: [aUse({ id: 'x'.repeat(36) })] }), 'status.uses[0].id', 'should match'],
    ['more than 4 uses', 'Approved', anInUseStatus({ uses: Array.from({ length: 5 }, () => aUse({ id: randomUUID() })) }), 'status.uses', '4 items'],
    ['a summary with a control character', 'Pending', aPendingStatus({ summary: 'POST \u001b[2J' }), 'status.summary', 'should match'],
    ['a phase that does not exist', 'Pending', { ...aPendingStatus(), phase: 'Done' }, 'status.phase', 'Unsupported value'],
  ])('does not take %s', async ([, way, write, field, message]) => {
    const { status, causes } = await attempt(await grantIn(way), write);
    expect(status).toBe(422);
    const said = causes.filter((cause) => cause.field === field).map((cause) => cause.message);
    expect(said.join('\n'), JSON.stringify(causes)).toContain(message);
  });

  test('lets a use lose its attempt: a copy that was read through an earlier definition has none', async () => {
    const grant = await grantIn('InUse');
    expect(await attempt(grant, anInUseStatus({ uses: [noAttempt] }))).toEqual({
      status: 200,
      causes: [],
    });
  });

  test('takes no attempt for a use that was recorded without one', async () => {
    const grant = await aGrantWith(aStatus('Approved'), anInUseStatus({ uses: [noAttempt] }));
    const { status, causes } = await attempt(grant, anInUseStatus());
    expect(status).toBe(422);
    expect(causes.map((cause) => cause.message).join()).toContain('which write consumed the grant');
  });

  test('keeps each decision as it was', async () => {
    const grant = await aGrantWith(aPendingStatus({ decisions: [decision] }));
    for (const [decisions, message] of [
      [[], 'status.decisions can only grow'],
      [[{ ...decision, decision: 'Deny' as const }], 'an entry of status.decisions cannot change'],
    ] as const) {
      const { causes } = await attempt(grant, aPendingStatus({ decisions }));
      expect(causes.map((cause) => cause.message).join()).toContain(message);
    }
    const second = { ...decision, uid: randomUUID() };
    const more = await attempt(grant, aPendingStatus({ decisions: [decision, second] }));
    expect(more).toEqual({ status: 200, causes: [] });
  });

  test('keeps when a credential was deleted and refused, once it says so', async () => {
    const ended = (times: object) => ({
      ...finished,
      uses: [anEndedUse('Succeeded', { credential: { ...aUseCredential(), ...times } })],
    });
    const deleted = ended({ deletedTime: noonPlus(11) });
    const grant = await aGrantWith(...WAYS.Finished, deleted);
    for (const times of [{}, { deletedTime: noonPlus(12) }]) {
      const { causes } = await attempt(grant, ended(times));
      expect(causes.map((cause) => cause.message).join()).toContain('once they are set');
    }
    const rejected = ended({ deletedTime: noonPlus(11), rejectedTime: noonPlus(21) });
    expect(await attempt(grant, rejected)).toEqual({ status: 200, causes: [] });
  });

  test('names no Secret for a grant that lends no credential', async () => {
    const grant = await plane.api<ActionGrant>('POST', grants, {
      ...aNewGrant(),
      spec: withoutCredential(aGrantSpec()),
    });
    const { causes } = await attempt(grant, anApprovedStatus());
    expect(causes.map((cause) => cause.message).join()).toContain('lends no credential');
    const { credential: _, ...bare } = anApprovedStatus();
    expect(await attempt(grant, bare)).toEqual({ status: 200, causes: [] });
  });

  test('lets a grant be tried until its attempts are used up', async () => {
    const secret = (attempt: number) =>
      aBoundCredential({ secretName: `ag-x-${attempt}`, secretUID: `secret-${attempt}` });
    const tried = (attempt: number, end: Partial<Use> = {}) => {
      const { secretName, secretUID } = secret(attempt);
      const credential = aUseCredential({ id: `jti-${attempt}`, secretName, secretUID });
      return aUse({ id: `44444444-4444-4444-8444-00000000000${attempt}`, credential, ...end });
    };
    const gone = { endTime: noonPlus(11), outcome: 'NotDispatched' } as const;
    const grant = await aGrantWith(
      anApprovedStatus({ credential: secret(0) }),
      anInUseStatus({ credential: secret(0), uses: [tried(0)] }),
      anApprovedStatus({ credential: secret(1), uses: [tried(0, gone)] }),
      anInUseStatus({ credential: secret(1), uses: [tried(0, gone), tried(1)] }),
      anApprovedStatus({ credential: secret(2), uses: [tried(0, gone), tried(1, gone)] }),
      anInUseStatus({ credential: secret(2), uses: [tried(0, gone), tried(1, gone), tried(2)] }),
      aFinishedStatus('NotDispatched', {
        credential: secret(2),
        uses: [tried(0, gone), tried(1, gone), tried(2, gone)],
      }),
    );
    expect(grant.status).toMatchObject({ phase: 'Finished', outcome: 'NotDispatched' });
  });

  test('is held together by every rule of the schema, each seen at least once', () => {
    const said = [...seen].join('\n');
    const ofSpec = new Set(ruleMessages('spec'));
    const rules = ruleMessages('').filter((message) => !ofSpec.has(message));
    expect(rules.filter((message) => !said.includes(message))).toEqual([]);
  });
});
