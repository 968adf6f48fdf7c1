import type { ActionGrant, ActionGrantSpec } from '../../core/api/generated/actiongrant.ts';
import type { Phase } from '../../core/api/phase.ts';
import { aNewGrant } from './builders.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

const WITHIN_MILLISECONDS = 30_000;

export function grantsPath(namespace: string): string {
  return `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
}

export interface NewGrant {
  readonly name?: string;
  readonly spec?: Partial<ActionGrantSpec>;
}

/** Creates a grant that its requester decides by creating it, unless `spec` says otherwise. */
export function createGrant(
  plane: ControlPlane,
  namespace: string,
  { name, spec }: NewGrant = {},
): Promise<ActionGrant> {
  return plane.api<ActionGrant>(
    'POST',
    grantsPath(namespace),
    aNewGrant({
      ...(name === undefined ? {} : { metadata: { name } }),
      spec: { approvedByRequester: true, ...spec },
    }),
  );
}

/** A grant that can be used now. */
export async function createUsableGrant(
  plane: ControlPlane,
  namespace: string,
  grant: NewGrant = {},
): Promise<ActionGrant> {
  return untilPhase(plane, await createGrant(plane, namespace, grant), 'Approved');
}

export function readGrant(plane: ControlPlane, { metadata }: ActionGrant): Promise<ActionGrant> {
  return plane.api<ActionGrant>('GET', `${grantsPath(metadata.namespace)}/${metadata.name}`);
}

/** The grant once it is in this phase. */
export function untilPhase(
  plane: ControlPlane,
  grant: ActionGrant,
  phase: Phase,
  withinMilliseconds = WITHIN_MILLISECONDS,
): Promise<ActionGrant> {
  return untilGrant(
    plane,
    grant,
    ({ status }) => status?.phase === phase,
    `is not ${phase}`,
    withinMilliseconds,
  );
}

/** The grant once this holds. */
export function untilGrant(
  plane: ControlPlane,
  grant: ActionGrant,
  holds: (current: ActionGrant) => boolean,
  complaint: string,
  withinMilliseconds = WITHIN_MILLISECONDS,
): Promise<ActionGrant> {
  return eventually(
    async () => {
      const current = await readGrant(plane, grant);
      if (holds(current)) return current;
      throw new Error(
        `grant ${current.metadata.name} ${complaint}: ${JSON.stringify(current.status)}`,
      );
    },
    { withinMilliseconds },
  );
}

export async function deleteGrant(plane: ControlPlane, { metadata }: ActionGrant): Promise<void> {
  await plane.api('DELETE', `${grantsPath(metadata.namespace)}/${metadata.name}`);
}

/** Creates a ServiceAccount. */
export async function createServiceAccount(
  plane: ControlPlane,
  namespace: string,
  name: string,
): Promise<{ uid: string }> {
  const { metadata } = await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    metadata: { name },
  });
  return { uid: metadata.uid };
}
