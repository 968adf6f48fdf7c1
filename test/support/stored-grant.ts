/** Grants as the controller leaves them, written into a cluster where no controller runs. */

import type { ActionGrant, ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import {
  aBoundCredential,
  aFinishedStatus,
  aNewGrant,
  anApprovedStatus,
  anEndedUse,
  anInUseStatus,
  aPendingStatus,
  aUse,
  aUseCredential,
} from './builders.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { grantsPath } from './grants.ts';

const CONTROLLER = 'system:serviceaccount:actiongrant-system:actiongrant-controller';

export interface StoredGrant {
  readonly name: string;
  /** Paths of the two. */
  readonly grant: string;
  readonly secret: string;
}

export interface StoredGrantOptions {
  readonly phase: 'Approved' | 'InUse' | 'Finished';
  readonly namespace: string;
  /** Of its Secret. */
  readonly finalizers?: readonly string[];
}

/** A grant in this phase, with the Secret of its credential. Removes the webhooks that nobody would answer. */
export async function storeGrant(
  plane: ControlPlane,
  { phase, namespace, finalizers = [] }: StoredGrantOptions,
): Promise<StoredGrant> {
  const username = 'jane';
  const jane = await plane.kubeconfigFor({ user: username, groups: ['system:masters'] });
  const as = await plane.kubeconfigFor({ user: CONTROLLER, groups: ['system:masters'] });
  for (const kind of ['mutating', 'validating']) {
    const configurations = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`;
    await plane.request('DELETE', `${configurations}/actiongrant`);
  }
  const grants = grantsPath(namespace);
  const { metadata: own } = await eventually(
    () =>
      plane.api<ActionGrant>('POST', grants, aNewGrant({ spec: { requester: { username } } }), {
        as: jane,
      }),
    { withinMilliseconds: 15_000, everyMilliseconds: 50 },
  );
  const { name, uid } = own;
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  const owner = { apiVersion: 'actiongrant.dev/v1alpha1', kind: 'ActionGrant', name, uid };
  const { metadata } = await plane.api(
    'POST',
    secrets,
    {
      metadata: { name: `ag-${uid}-0-x7k2p`, ownerReferences: [owner], finalizers },
      type: 'actiongrant.dev/bound',
    },
    { as },
  );
  const use = { secretName: metadata.name, secretUID: metadata.uid };
  const credential = aBoundCredential(use);
  const statuses: ActionGrantStatus[] = [
    aPendingStatus(),
    anApprovedStatus({ credential }),
    anInUseStatus({ credential, uses: [aUse({ credential: aUseCredential(use) })] }),
    aFinishedStatus('Succeeded', {
      credential,
      uses: [anEndedUse('Succeeded', { credential: aUseCredential(use) })],
    }),
  ];
  const grant = `${grants}/${name}`;
  for (const status of statuses) {
    const current = await plane.api('GET', grant);
    await plane.api('PUT', `${grant}/status`, { ...current, status }, { as });
    if (status.phase === phase) break;
  }
  return { name, grant, secret: `${secrets}/${metadata.name}` };
}
