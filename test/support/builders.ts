/**
 * Grants for tests. Each builder returns something the API server accepts as it is, and takes what the test is about:
 * `aGrant({ spec: { timeoutSeconds: 5 } })`. Nothing here reads a clock: times are around `NOON`.
 */

import { randomUUID } from 'node:crypto';
import type {
  ActionGrant,
  ActionGrantSpec,
  ActionGrantStatus,
  BoundCredential,
  GrantAction,
  GrantCredential,
  GrantHttpAction,
  GrantKubernetesAction,
  GrantMetadata,
  Outcome,
  Phase,
  Use,
  UseCredential,
} from '../../core/api/generated/actiongrant.ts';

/** A moment; the statuses of the builders are written around it. */
export const NOON = '2026-01-02T12:00:00Z';

/** `NOON` and so many seconds. */
export function noonPlus(seconds: number): string {
  return new Date(Date.parse(NOON) + seconds * 1000).toISOString().replace('.000Z', 'Z');
}

interface GrantOverrides {
  readonly metadata?: Partial<GrantMetadata>;
  readonly spec?: Partial<ActionGrantSpec>;
  readonly status?: ActionGrantStatus;
}

/** A grant as the API server returns it: one POST to an HTTP service with a credential. */
export function aGrant({ metadata, spec, status }: GrantOverrides = {}): ActionGrant {
  return {
    apiVersion: 'actiongrant.dev/v1alpha1',
    kind: 'ActionGrant',
    metadata: {
      name: 'quarantine-host-7',
      namespace: 'soc',
      uid: randomUUID(),
      resourceVersion: '1',
      creationTimestamp: NOON,
      ...metadata,
    },
    spec: aGrantSpec(spec),
    ...(status && { status }),
  };
}

/** What a requester writes, to be created; the API server adds the rest. */
export function aNewGrant({ metadata, spec }: Omit<GrantOverrides, 'status'> = {}) {
  return {
    apiVersion: 'actiongrant.dev/v1alpha1',
    kind: 'ActionGrant',
    metadata: { generateName: 'quarantine-host-7-', ...metadata },
    spec: aGrantSpec(spec),
  };
}

export function aGrantSpec(overrides: Partial<ActionGrantSpec> = {}): ActionGrantSpec {
  const action = overrides.action ?? anHttpAction();
  return {
    agent: { serviceAccountName: 'incident-agent' },
    action,
    credential: aCredential(action.type),
    approvedByRequester: false,
    decisionDeadlineSeconds: 3600,
    useDeadlineSeconds: 900,
    timeoutSeconds: 30,
    ttlSecondsAfterFinished: 3600,
    justification: 'alert 4711: beaconing from host-7',
    ...overrides,
  };
}

/** The same spec without its credential: a call that needs none. */
export function withoutCredential({ credential: _, ...spec }: ActionGrantSpec): ActionGrantSpec {
  return spec;
}

/** `spec.action` of an HTTP call. */
export function anHttpAction(overrides: Partial<GrantHttpAction> = {}): GrantAction {
  return {
    type: 'HTTP',
    http: {
      method: 'POST',
      url: 'https://edr.example.com/v1/hosts/host-7/quarantine',
      body: { type: 'JSON', json: '{"reason": "beaconing"}' },
      ...overrides,
    },
  };
}

/** `spec.action` of a call to the API server. */
export function aKubernetesAction(overrides: Partial<GrantKubernetesAction> = {}): GrantAction {
  return {
    type: 'Kubernetes',
    kubernetes: {
      verb: 'delete',
      version: 'v1',
      resource: 'pods',
      namespace: 'shop',
      name: 'checkout-0',
      ...overrides,
    },
  };
}

/** `spec.credential`: HTTP and MCP calls say for whom the token is, Kubernetes calls do not. */
export function aCredential(
  type: GrantAction['type'] = 'HTTP',
  serviceAccountName = 'edr-quarantine',
): GrantCredential {
  return {
    type: 'ServiceAccountToken',
    serviceAccountToken: {
      serviceAccountName,
      ...(type !== 'Kubernetes' && { audience: 'https://edr.example.com' }),
    },
  };
}

/** `status.credential`: what the next token is bound to. */
export function aBoundCredential(overrides: Partial<BoundCredential> = {}): BoundCredential {
  return {
    secretName: 'ag-11111111-1111-4111-8111-111111111111-0',
    secretUID: '22222222-2222-4222-8222-222222222222',
    serviceAccountUID: '33333333-3333-4333-8333-333333333333',
    ...overrides,
  };
}

/** A use that is going on, of the pod `incident-agent-0`. */
export function aUse(overrides: Partial<Use> = {}): Use {
  return {
    id: '44444444-4444-4444-8444-444444444444',
    attemptID: '77777777-7777-4777-8777-777777777777',
    podName: 'incident-agent-0',
    podUID: '55555555-5555-4555-8555-555555555555',
    startTime: noonPlus(10),
    deadlineTime: noonPlus(40),
    credential: aUseCredential(),
    ...overrides,
  };
}

export function anEndedUse(outcome: Outcome, overrides: Partial<Use> = {}): Use {
  return aUse({ endTime: noonPlus(11), outcome, ...overrides });
}

/** The token of a use, bound to the Secret of `aBoundCredential()`. */
export function aUseCredential(overrides: Partial<UseCredential> = {}): UseCredential {
  const { secretName, secretUID } = aBoundCredential();
  return {
    id: '66666666-6666-4666-8666-666666666666',
    secretName,
    secretUID,
    expirationTime: noonPlus(610),
    ...overrides,
  };
}

export function aPendingStatus(overrides: Partial<ActionGrantStatus> = {}): ActionGrantStatus {
  return {
    phase: 'Pending',
    summary: 'POST edr.example.com/v1/hosts/host-7/quarantine',
    approvals: '0/1',
    expirationTime: noonPlus(3600),
    ...overrides,
  };
}

export function anApprovedStatus(overrides: Partial<ActionGrantStatus> = {}): ActionGrantStatus {
  return aPendingStatus({
    phase: 'Approved',
    approvals: '1/1',
    actionDigest: '7'.repeat(64),
    approvalTime: noonPlus(5),
    expirationTime: noonPlus(905),
    credential: aBoundCredential(),
    ...overrides,
  });
}

export function anInUseStatus(overrides: Partial<ActionGrantStatus> = {}): ActionGrantStatus {
  return anApprovedStatus({ phase: 'InUse', uses: [aUse()], ...overrides });
}

export function aFinishedStatus(
  outcome: Outcome = 'Succeeded',
  overrides: Partial<ActionGrantStatus> = {},
): ActionGrantStatus {
  return anApprovedStatus({
    phase: 'Finished',
    outcome,
    finishTime: noonPlus(11),
    uses: [anEndedUse(outcome)],
    ...overrides,
  });
}

/** The status of a grant that was approved and gave a use back: its next attempt has a Secret of its own. */
export function aGivenBackStatus(overrides: Partial<ActionGrantStatus> = {}): ActionGrantStatus {
  return anApprovedStatus({
    credential: aBoundCredential({
      secretName: 'ag-11111111-1111-4111-8111-111111111111-1',
      secretUID: '22222222-2222-4222-8222-000000000001',
    }),
    uses: [anEndedUse('NotDispatched')],
    ...overrides,
  });
}

/** A status of this phase; Expired and Revoked as they follow from Approved. */
export function aStatus(phase: Phase): ActionGrantStatus {
  switch (phase) {
    case 'Pending':
      return aPendingStatus();
    case 'Approved':
      return anApprovedStatus();
    case 'InUse':
      return anInUseStatus();
    case 'Finished':
      return aFinishedStatus();
    case 'Denied':
      return aPendingStatus({ phase, finishTime: noonPlus(5) });
    case 'Expired':
      return anApprovedStatus({ phase, finishTime: noonPlus(905) });
    case 'Revoked':
      return anApprovedStatus({ phase, finishTime: noonPlus(6) });
  }
}
