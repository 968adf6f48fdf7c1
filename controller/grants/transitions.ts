/**
 * The next status of a grant for every step of the transaction. Pure: a grant and facts in, a whole status out. Nothing
 * else builds a status, and `PHASE_MOVES` is checked here for every one of them.
 */

import type {
  ActionGrant,
  ActionGrantStatus,
  BoundCredential,
  Outcome,
  Phase,
  Use,
} from '../../core/api/generated/actiongrant.ts';
import { currentUse } from '../../core/api/grant.ts';
import { PHASE_MOVES } from '../../core/api/phase.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { Approval } from './approval.ts';
import { type ConditionRow, conditions, type Milliseconds, time } from './conditions.ts';

/** What is known of a grant's action before anything is decided. */
export interface Description {
  summary: string;
  actionDigest: string;
}

/** Waits for a decision. */
export function pending(
  grant: ActionGrant,
  description: Description,
  ready: { reason: string; message: string },
  now: Milliseconds,
): ActionGrantStatus {
  return move(grant, 'Pending', {
    ...grant.status,
    ...description,
    conditions: conditions(grant, now, [
      ['Approved', 'Unknown', 'AwaitingDecision', 'No decision has been made yet.'],
      ['Ready', 'False', ready.reason, ready.message],
      ['Finished', 'False', 'NotFinished', 'The grant can still be decided.'],
    ]),
  });
}

/** Usable from now on. `credential` names the Secret that status commits to. */
export function approved(
  grant: ActionGrant,
  {
    description,
    approval,
    credential,
  }: {
    description: Description;
    approval: Pick<Approval, 'reason' | 'message'>;
    credential: BoundCredential | undefined;
  },
  now: Milliseconds,
): ActionGrantStatus {
  const { credential: _, ...rest } = grant.status ?? {};
  return move(grant, 'Approved', {
    ...rest,
    ...description,
    ...(credential === undefined ? {} : { credential }),
    approvalTime: time(now),
    expirationTime: time(now + grant.spec.useDeadlineSeconds * 1000),
    conditions: conditions(grant, now, [
      ['Approved', 'True', approval.reason, approval.message],
      ['Ready', 'True', 'Usable', 'The agent can use the grant now, once.'],
      ['Finished', 'False', 'NotFinished', 'The grant has not been used.'],
    ]),
  });
}

/** Consumed by one call. */
export function inUse(
  grant: ActionGrant,
  use: Pick<Use, 'id' | 'attemptID' | 'podName' | 'podUID' | 'credential'>,
  now: Milliseconds,
): ActionGrantStatus {
  const deadline = now + grant.spec.timeoutSeconds * 1000;
  return move(grant, 'InUse', {
    ...grant.status,
    uses: [
      ...(grant.status?.uses ?? []),
      { ...use, startTime: time(now), deadlineTime: time(deadline) },
    ],
    conditions: conditions(grant, now, [
      ['Ready', 'False', 'InUse', 'A call is using the grant.'],
      ...(use.credential === undefined
        ? []
        : [
            [
              'CredentialRevoked',
              'False',
              'Live',
              'The credential of the call in flight is live.',
            ] satisfies ConditionRow,
          ]),
    ]),
  });
}

/** How a use ended. `deletedTime` is when its Secret was known to be gone; absent for a grant without credential. */
export interface Ending {
  outcome: Outcome;
  responseCode?: number;
  deletedTime?: Milliseconds;
}

/** Nothing was sent, so the grant is usable again, with another Secret. */
export function givenBack(
  grant: ActionGrant,
  ending: Ending,
  credential: BoundCredential | undefined,
  now: Milliseconds,
): ActionGrantStatus {
  const { credential: _, ...rest } = grant.status ?? {};
  return move(grant, 'Approved', {
    ...rest,
    ...(credential === undefined ? {} : { credential }),
    uses: endUse(grant, ending, now),
    conditions: conditions(grant, now, [
      [
        'Ready',
        'True',
        'Usable',
        'The last attempt sent nothing; the agent can use the grant again.',
      ],
      ...revocation(ending),
    ]),
  });
}

/** The use is over and its Secret is gone: what this status says of the revocation is already true. */
export function finished(
  grant: ActionGrant,
  ending: Ending,
  now: Milliseconds,
  phase: 'Finished' | 'Revoked' = 'Finished',
): ActionGrantStatus {
  const { credential: _, ...rest } = grant.status ?? {};
  return move(grant, phase, {
    ...rest,
    outcome: ending.outcome,
    finishTime: time(now),
    uses: endUse(grant, ending, now),
    conditions: conditions(grant, now, [
      ['Ready', 'False', 'Finished', 'The grant was used.'],
      ['Finished', 'True', ...finishedBecause(ending)],
      ...revocation(ending),
    ]),
  });
}

/** The time to decide, or to use, is over. The Secret, if any, is still named: it is deleted after this is written. */
export function expired(grant: ActionGrant, now: Milliseconds): ActionGrantStatus {
  const undecided = grant.status?.phase !== 'Approved';
  return move(grant, 'Expired', {
    ...grant.status,
    finishTime: time(now),
    conditions: conditions(grant, now, [
      ...(undecided
        ? [
            [
              'Approved',
              'False',
              'DecisionDeadlineExceeded',
              'Nobody decided in time.',
            ] satisfies ConditionRow,
          ]
        : []),
      ['Ready', 'False', 'Finished', 'The grant expired.'],
      [
        'Finished',
        'True',
        'Expired',
        undecided ? 'Nobody decided in time.' : 'The agent did not use the grant in time.',
      ],
    ]),
  });
}

/** The Secret that a terminal grant still named is gone. */
export function credentialCollected(grant: ActionGrant): ActionGrantStatus {
  const { credential: _, ...rest } = statusOf(grant);
  return rest;
}

/** The end of a revocation: when the API server refused the token, or `undefined` when nobody could ask. */
export function revocationConfirmed(
  grant: ActionGrant,
  nonce: string,
  rejectedTime: Milliseconds | undefined,
  now: Milliseconds,
): ActionGrantStatus {
  const status = statusOf(grant);
  const uses = (status.uses ?? []).map((use) =>
    use.id === nonce && use.credential !== undefined && rejectedTime !== undefined
      ? { ...use, credential: { ...use.credential, rejectedTime: time(rejectedTime) } }
      : use,
  );
  // The condition speaks of the last credential: an earlier one's end says nothing of one that may be live.
  const last = uses.findLast(({ credential }) => credential !== undefined);
  if (last?.id !== nonce) return { ...status, uses };
  const row: ConditionRow =
    rejectedTime !== undefined
      ? ['CredentialRevoked', 'True', 'Confirmed', 'The API server refuses the credential.']
      : [
          'CredentialRevoked',
          'True',
          'Unconfirmed',
          "The credential's Secret is gone and the API server's cache of it has run out, but no process was left that could ask. A verifier that only reads the JWKS accepts it until it expires.",
        ];
  return { ...status, uses, conditions: conditions(grant, now, [row]) };
}

const FINISHED: Readonly<Record<Outcome, readonly [reason: string, message: string]>> = {
  NotDispatched: ['Failed', 'No attempt sent anything, and no attempts are left.'],
  Succeeded: ['Succeeded', 'The call was made and succeeded.'],
  Failed: ['Failed', 'The call was made and the service answered with an error.'],
  Unknown: [
    'OutcomeUnknown',
    'Whether the call took effect is not known. It is never retried; look at the service itself.',
  ],
};

function finishedBecause({ outcome, responseCode }: Ending): readonly [string, string] {
  // Only an answer that was cut has a status and no outcome.
  return outcome === 'Unknown' && responseCode !== undefined
    ? [
        'OutcomeUnknown',
        `The service answered with status ${responseCode}, and the sidecar cut its answer at spec.timeoutSeconds. Whether the call took its whole effect is not known; look at the service itself.`,
      ]
    : FINISHED[outcome];
}

function revocation(ending: Ending): ConditionRow[] {
  return ending.deletedTime === undefined
    ? []
    : [
        [
          'CredentialRevoked',
          'Unknown',
          'AwaitingConfirmation',
          "The credential's Secret is gone; the API server may still accept the token for up to 10 s after its first use.",
        ],
      ];
}

function endUse(grant: ActionGrant, ending: Ending, now: Milliseconds): Use[] {
  const current = currentUse(grant);
  return (grant.status?.uses ?? []).map((use) =>
    use.id !== current?.id
      ? use
      : {
          ...use,
          endTime: time(now),
          outcome: ending.outcome,
          ...(ending.responseCode === undefined ? {} : { responseCode: ending.responseCode }),
          ...(use.credential === undefined || ending.deletedTime === undefined
            ? {}
            : { credential: { ...use.credential, deletedTime: time(ending.deletedTime) } }),
        },
  );
}

function move(
  grant: ActionGrant,
  to: Phase,
  rest: Omit<ActionGrantStatus, 'phase'> & { phase?: Phase },
): ActionGrantStatus {
  const from = grant.status?.phase ?? '';
  // A grant that waits may be told anew why it waits. Any other phase is entered by a move: InUse twice is two uses.
  const stays = from === 'Pending' && to === 'Pending';
  if (!stays && !PHASE_MOVES[from].includes(to)) {
    throw new ProblemError('Internal', `A grant cannot move from ${from || 'new'} to ${to}.`);
  }
  return { ...rest, phase: to };
}

function statusOf(grant: ActionGrant): ActionGrantStatus {
  if (grant.status === undefined) {
    throw new ProblemError('Internal', 'The grant has no status yet.');
  }
  return grant.status;
}
