/** Every guard of the transaction, and how to take it out. A guard that nobody would miss is either not needed or not tested. */

import { type Guard, mutationsOf } from './guard.ts';
import type { Mutation } from './run-mutations.ts';

/** Their tests are in one file, and the titles of these begin with the guard. */
const TESTS = 'test/integration/guards.test.ts';

const GUARDS: readonly Omit<Guard, 'file'>[] = [
  {
    promise: 'P8',
    guard: 'resourceVersion on the consuming write',
    changes: [
      {
        file: 'controller/use/consume.ts',
        from: 'await writeStatus(options, grant, consumedStatus(options), { timeoutMilliseconds })',
        to: `await options.client.patch(
          actionGrants,
          { namespace: grant.metadata.namespace, name: grant.metadata.name },
          { type: 'Merge', body: { status: consumedStatus(options) } },
          { subresource: 'status', timeoutMilliseconds },
        )`,
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'hand-over after consume',
    changes: [
      {
        file: 'controller/use/attempt.ts',
        from: "const consumption = await timed('consume', () =>",
        to: `const consumption = { type: 'Consumed', grant } as Consumption;
    void timed('consume', () =>`,
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'attempt ID after an ambiguous write',
    changes: [
      {
        file: 'controller/use/consume.ts',
        from: 'use.attemptID === attemptID',
        to: "attemptID !== ''",
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'read-back after an ambiguous write',
    changes: [
      {
        file: 'controller/use/consume.ts',
        from: 'return readBack(options);',
        to: "return { type: 'Ambiguous' };",
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'no other grant after an ambiguous write',
    changes: [
      {
        file: 'controller/use/next-step.ts',
        from: 'if (ambiguous) return refuse(outcomeAmbiguous());',
        to: '',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'past nonces refused',
    // Held twice: by the cache's index of nonces, and by the grant's own record.
    changes: [
      {
        file: 'controller/use/next-step.ts',
        from: 'if (view.nonceIsUsed) return refuse(alreadyUsed());',
        to: '',
      },
      {
        file: 'controller/use/match.ts',
        from: 'g.status?.uses?.some((use) => use.id === nonce) ?? false',
        to: 'nonce === g.kind',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'nothing is consumed for a caller that has gone',
    changes: [
      {
        file: 'controller/use/time-left.ts',
        from: 'abandoned.aborted ? 0 : end - clock.monotonic()',
        to: 'end - clock.monotonic()',
      },
    ],
  },
  {
    promise: 'P7',
    guard: 'a grant that is being deleted is not consumed',
    changes: [
      {
        file: 'controller/use/match.ts',
        from: 'g.metadata.deletionTimestamp !== undefined',
        to: "g.kind !== 'ActionGrant'",
      },
    ],
  },
  {
    promise: 'P3',
    guard: "the Secret's UID in the token",
    changes: [{ file: 'controller/credentials/mint.ts', from: 'uid: bound.secretUID,', to: '' }],
  },
  {
    promise: 'P3',
    guard: 'AlreadyExists is never adopted',
    changes: [
      {
        file: 'controller/credentials/bound-secret.ts',
        from: 'const secret = await client.create(secrets, {',
        to: "let chosen = '';\n  const secret = await client.create(secrets, {",
      },
      {
        file: 'controller/credentials/bound-secret.ts',
        from: 'name: boundSecretName(uid, attempt, randomSuffix()),',
        to: 'name: (chosen = boundSecretName(uid, attempt, randomSuffix())),',
      },
      {
        file: 'controller/credentials/bound-secret.ts',
        from: 'type: BOUND_SECRET_TYPE,\n  });',
        to: 'type: BOUND_SECRET_TYPE,\n  }).catch(() => client.get(secrets, { namespace, name: chosen }));',
      },
    ],
  },
  {
    promise: 'P3',
    guard: "the Secret's UID in the deletion",
    changes: [
      {
        file: 'controller/credentials/bound-secret.ts',
        from: '{ uid: secret.secretUID }',
        to: '{}',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'nonce check in finish',
    changes: [
      {
        file: 'controller/use/finish-step.ts',
        from: 'if (currentUse(grant)?.id !== use.id) {',
        to: 'if (currentUse(grant) === undefined) {',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'pod check in finish',
    changes: [
      {
        file: 'controller/use/finish-step.ts',
        from: "if (use.podUID !== caller.podUID) return { type: 'NotYours' };",
        to: '',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'revoke before record, in finish',
    changes: [
      {
        file: 'controller/use/finish.ts',
        from: 'const revoked = await revokeUse(dependencies, grant, use);',
        to: `const revoked = { deletedTime: clock.now() };
    void revokeUse(dependencies, grant, use).catch(() => {});`,
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'revoke before record, in burn',
    changes: [
      {
        file: 'controller/reconcile/burn.ts',
        from: 'const revoked = await revokeUse(dependencies, grant, use);',
        to: `const revoked = { deletedTime: clock.now() };
  void revokeUse(dependencies, grant, use).catch(() => {});`,
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'a deletionTimestamp is not a revocation',
    changes: [
      {
        file: 'controller/credentials/bound-secret.ts',
        from: "if (result === 'terminating') {",
        to: 'if (false) {',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'never give back a burnt use',
    changes: [
      {
        file: 'controller/reconcile/burn.ts',
        from: 'finished(grant, ending, clock.now())',
        to: `givenBack(
          grant,
          { ...ending, outcome: 'NotDispatched' },
          await prepareCredential({ ...dependencies, randomSuffix: () => 'again' }, grant, 1),
          clock.now(),
        )`,
      },
      {
        file: 'controller/reconcile/burn.ts',
        from: 'import { finished }',
        to: 'import { givenBack }',
      },
      {
        file: 'controller/reconcile/burn.ts',
        from: 'import { revokeUse }',
        to: 'import { prepareCredential, revokeUse }',
      },
    ],
  },
  {
    promise: 'P7',
    guard: 'a use of a grant that is being deleted is burnt in time',
    changes: [
      {
        file: 'controller/reconcile/plan-step.ts',
        from: "(phase === undefined || phase === 'Pending' || phase === 'Approved')",
        to: 'true',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'a pod that the cache does not know yet is not taken for gone',
    changes: [
      {
        file: 'controller/reconcile/burn.ts',
        from: 'return podHasEnded(await client.get(pods, { namespace, name: use.podName }), use.podUID);',
        to: 'return podHasEnded(undefined, use.podUID + namespace);',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'CredentialRevoked speaks of the last credential',
    changes: [
      {
        file: 'controller/grants/transitions.ts',
        from: 'if (last?.id !== nonce) return { ...status, uses };',
        to: '',
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'an honest NotDispatched',
    changes: [
      {
        file: 'sidecar/handle-call.ts',
        from: "onDispatched() {\n        outcome = 'Unknown';",
        to: "onDispatched() {\n        outcome = 'NotDispatched';",
      },
    ],
  },
  {
    promise: 'P8',
    guard: 'a restarted sidecar never reuses a nonce',
    changes: [
      {
        file: 'sidecar/sidecar.ts',
        from: 'createNonce: randomUUID,',
        to: "createNonce: () => '00000000-0000-4000-8000-000000000001',",
      },
    ],
  },
];

export function guardMutations(): Mutation[] {
  return mutationsOf(GUARDS.map((guard) => ({ ...guard, file: TESTS })));
}
