import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { anHttpAction } from '../support/builders.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { createGrant, grantsPath } from '../support/grants.ts';

/** ServiceAccounts of the agent and of the credential; they must exist. */
export const AGENT = 'incident-agent';
export const CREDENTIAL_ACCOUNT = 'edr-quarantine';
export const BODY = { reason: 'beaconing' };
const CREATORS = 8;

export interface BenchGrant {
  readonly grant: ActionGrant;
  readonly url: string;
}

/** Creates a grant for each URL, each for the POST of {@link BODY} by {@link AGENT}, and waits until all can be used. */
export async function createUsableGrants(
  plane: ControlPlane,
  namespace: string,
  urls: readonly string[],
): Promise<BenchGrant[]> {
  const created = await createAll(plane, namespace, urls);
  await untilAllUsable(plane, namespace, created);
  return created;
}

async function createAll(
  plane: ControlPlane,
  namespace: string,
  urls: readonly string[],
): Promise<BenchGrant[]> {
  const created: BenchGrant[] = [];
  const left = urls.values();
  await Promise.all(
    Array.from({ length: CREATORS }, async () => {
      for (const url of left) {
        const grant = await createGrant(plane, namespace, {
          spec: {
            agent: { serviceAccountName: AGENT },
            action: anHttpAction({ url, body: { type: 'JSON', json: JSON.stringify(BODY) } }),
            // Uses that a benchmark leaves open are not closed while others measure.
            timeoutSeconds: 570,
          },
        });
        created.push({ grant, url });
      }
    }),
  );
  return created;
}

/** Reads the grants as they are approved, into the same objects. */
async function untilAllUsable(
  plane: ControlPlane,
  namespace: string,
  created: BenchGrant[],
): Promise<void> {
  const path = `${grantsPath(namespace)}?fieldSelector=status.phase%3DApproved`;
  const end = Date.now() + 60_000;
  for (;;) {
    const { items } = await plane.api<{ items: ActionGrant[] }>('GET', path);
    const byUID = new Map(items.map((grant) => [grant.metadata.uid, grant]));
    if (created.every(({ grant }) => byUID.has(grant.metadata.uid))) {
      for (const [index, { grant, url }] of created.entries()) {
        created[index] = { url, grant: byUID.get(grant.metadata.uid) ?? grant };
      }
      return;
    }
    if (Date.now() > end) throw new Error('the grants were not approved in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
