import { randomBytes } from 'node:crypto';
import type { Action } from '../../core/action/action.ts';
import type { ActionGrant, ActionGrantSpec } from '../../core/api/generated/actiongrant.ts';
import { anHttpAction } from './builders.ts';
import type { ControlPlane } from './control-plane.ts';
import { aJsonBody, anHttpCall } from './exchange.ts';
import { createServiceAccount, createUsableGrant, grantsPath, readGrant } from './grants.ts';
import { issuePodToken, type PodToken } from './kubelet.ts';

/** The service that every scene calls. */
export const SERVICE = 'https://edr.example.com';

/** An agent with one usable grant, apart from every other test of the file: own accounts, own pod, own URL. */
export interface Scene {
  readonly plane: ControlPlane;
  readonly namespace: string;
  readonly grant: ActionGrant;
  readonly pod: PodToken;
  readonly call: Action;
  readonly path: string;
  readonly url: string;
  readonly body: { readonly reason: string };
  /** Requests of a controller for this grant alone, as rules of a faulty API server match them. */
  readonly requests: {
    readonly mint: { method: 'POST'; path: RegExp };
    readonly consume: { path: RegExp; body: RegExp };
    readonly writeStatus: { path: RegExp };
    readonly readGrant: { method: 'GET'; path: RegExp };
    readonly createSecret: { method: 'POST'; path: RegExp; body: RegExp };
    readonly deleteSecret: { method: 'DELETE'; path: RegExp };
  };
}

export async function createScene(
  plane: ControlPlane,
  namespace: string,
  spec: Partial<ActionGrantSpec> = {},
): Promise<Scene> {
  const id = randomBytes(4).toString('hex');
  const agent = `agent-${id}`;
  const account = `edr-${id}`;
  const path = `/v1/hosts/${id}/quarantine`;
  const url = `${SERVICE}${path}`;
  const body = { reason: 'beaconing' };
  await createServiceAccount(plane, namespace, account);
  const pod = await issuePodToken(plane, { namespace, serviceAccountName: agent });
  const grant = await createUsableGrant(plane, namespace, {
    name: `grant-${id}`,
    spec: {
      agent: { serviceAccountName: agent },
      action: anHttpAction({ url, body: { type: 'JSON', json: JSON.stringify(body) } }),
      credential: {
        type: 'ServiceAccountToken',
        serviceAccountToken: { serviceAccountName: account, audience: SERVICE },
      },
      ...spec,
    },
  });
  const own = `${grantsPath(namespace)}/grant-${id}`;
  return {
    plane,
    namespace,
    grant,
    pod,
    call: anHttpCall({ url, body: aJsonBody(body) }),
    path,
    url,
    body,
    requests: {
      mint: { method: 'POST', path: new RegExp(`/serviceaccounts/${account}/token`) },
      consume: { path: new RegExp(`^${own}/status`), body: /"phase":"InUse"/ },
      writeStatus: { path: new RegExp(`^${own}/status`) },
      readGrant: { method: 'GET', path: new RegExp(`^${own}$`) },
      createSecret: {
        method: 'POST',
        path: /\/secrets$/,
        body: new RegExp(`"ag-${grant.metadata.uid}-`),
      },
      deleteSecret: {
        method: 'DELETE',
        path: new RegExp(`/secrets/ag-${grant.metadata.uid}-`),
      },
    },
  };
}

export async function statusOf(scene: Scene): Promise<NonNullable<ActionGrant['status']>> {
  const { status } = await readGrant(scene.plane, scene.grant);
  if (status === undefined) throw new Error('the grant has no status');
  return status;
}
