/**
 * What must happen while the release is still there: nobody's agents lose their sidecar unawares, and no credential that is
 * live now outlives the controller that would revoke it. The controller runs on until Helm deletes it, a moment later: a grant
 * that is approved in between keeps its Secret, and its token, if it is used, ends by itself after 10 minutes at most.
 */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Resource } from '../../core/kubernetes/object.ts';
import { namespaces } from '../../core/kubernetes/resources.ts';
import { revokeAll } from '../credentials/credentials.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { type LabelSelector, selects } from '../injection/label-selector.ts';
import { reasonOf, say } from '../jobs/output.ts';
import { mayPass, patiently } from '../jobs/retry.ts';

/** On the controller's Deployment, so that it goes with the release: `true` uninstalls although namespaces are labelled. */
export const FORCE_ANNOTATION = 'actiongrant.dev/force-uninstall';
const DEPLOYMENT_NAME = 'actiongrant-controller';

const deployments: Resource = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};

/** As Helm knows it. */
export interface Release {
  namespace: string;
  name: string;
  revision: string;
}

export interface UninstallDependencies {
  client: KubernetesClient;
  release: Release;
  injectionSelector: LabelSelector;
  /** How long each step is tried again while it may yet succeed. */
  patienceSeconds: number;
}

/** @returns whether the release may be deleted; if not, it was said why. @throws Error for what could not be found out */
export async function prepareUninstall(dependencies: UninstallDependencies): Promise<boolean> {
  const { client, release, patienceSeconds } = dependencies;
  const labelled = await patiently(() => injectedNamespaces(dependencies), patienceSeconds).catch(
    because('namespaces could not be listed'),
  );
  if (labelled.length > 0) {
    const forced = await patiently(() => isForced(client, release), patienceSeconds).catch(
      because(`the annotation of deployment ${DEPLOYMENT_NAME} could not be read`),
    );
    if (!forced) {
      for (const line of refusal(labelled, dependencies)) say(line);
      return false;
    }
    say(`Uninstalling although these namespaces are labelled: ${labelled.join(', ')}.`);
  }
  const { revoked, failed } = await revokeLiveGrants(client, patienceSeconds).catch(
    because('live grants could not be revoked'),
  );
  say(`Grants revoked: ${revoked}.`);
  if (failed.length === 0) return true;
  say('ActionGrant is not uninstalled: these grants are live, and could not be revoked:');
  for (const line of failed) say(`  ${line}`);
  say(
    'Delete them with kubectl, and their Secrets of type actiongrant.dev/bound, and uninstall again.',
  );
  return false;
}

/** What to throw for a step that failed. */
function because(failure: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${failure} (${reasonOf(error)})`, { cause: error });
  };
}

/** As the webhook selects them: never the release's own, nor kube-system. What is being deleted gets no more pods. */
async function injectedNamespaces({
  client,
  release,
  injectionSelector,
}: UninstallDependencies): Promise<string[]> {
  const { items } = await client.list(namespaces);
  return items
    .filter(
      ({ metadata: { labels = {}, deletionTimestamp } }) =>
        deletionTimestamp === undefined && selects(injectionSelector, labels),
    )
    .map(({ metadata }) => metadata.name)
    .filter((name) => name !== release.namespace && name !== 'kube-system')
    .sort();
}

async function isForced(client: KubernetesClient, { namespace }: Release): Promise<boolean> {
  try {
    const { metadata } = await client.get(deployments, { namespace, name: DEPLOYMENT_NAME });
    return metadata.annotations?.[FORCE_ANNOTATION] === 'true';
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return false;
    throw error;
  }
}

function refusal(
  labelled: readonly string[],
  { release, injectionSelector }: UninstallDependencies,
): string[] {
  const { namespace, name: releaseName, revision } = release;
  // Without one of them it is selected no more; expressions may also ask for a label, or for none.
  const [label] = Object.keys(injectionSelector.matchLabels ?? {});
  return [
    `ActionGrant is not uninstalled: agents' pods are still injected in ${labelled.join(', ')}.`,
    'Without it, new pods there would start with neither sidecar nor packet filter, and running agents could call nothing.',
    'Move the agents, or give up on their confinement, and then:',
    label === undefined
      ? `  change the labels so that this selector no longer selects them: ${JSON.stringify(injectionSelector)}`
      : `  kubectl label namespace ${labelled.join(' ')} ${label}-`,
    'and uninstall again. To uninstall with the namespaces as they are:',
    `  kubectl -n ${namespace} annotate deployment ${DEPLOYMENT_NAME} ${FORCE_ANNOTATION}=true`,
    'Or keep ActionGrant: nothing was changed, but Helm must be told before it upgrades the release again:',
    `  helm --namespace ${namespace} rollback ${releaseName} ${revision}`,
  ];
}

/**
 * Deletes what keeps credentials alive, then the grants, which nobody could revoke any more. One that cannot be revoked, such
 * as one in a namespace that was taken out of `rbac.agentNamespaces`, does not keep the others alive.
 * @throws KubernetesError if live grants cannot be listed
 */
async function revokeLiveGrants(
  client: KubernetesClient,
  patienceSeconds: number,
): Promise<{ revoked: number; failed: string[] }> {
  const revoked = new Set<string>();
  let failures: { grant: LiveGrant; error: unknown }[] = [];
  await patiently(async () => {
    // Each time anew: the controller still runs.
    const grants = await liveGrants(client);
    failures = [];
    for (const grant of grants) {
      try {
        await revoke(client, grant);
        revoked.add(grant.metadata.uid);
      } catch (error) {
        failures.push({ grant, error });
      }
    }
    const again = failures.find(({ error }) => mayPass(error));
    if (again !== undefined) throw again.error;
  }, patienceSeconds).catch((error: unknown) => {
    // Otherwise they are what it is about.
    if (failures.length === 0) throw error;
  });
  const failed = failures.map(
    ({ grant: { metadata }, error }) =>
      `${metadata.namespace}/${metadata.name}: ${reasonOf(error)}`,
  );
  return { revoked: revoked.size, failed };
}

async function liveGrants(client: KubernetesClient): Promise<LiveGrant[]> {
  return (await Promise.all(['Approved', 'InUse'].map((phase) => grantsIn(client, phase)))).flat();
}

async function revoke(client: KubernetesClient, grant: LiveGrant): Promise<void> {
  const { namespace, name, uid } = grant.metadata;
  // Not left to garbage collection: only what is known to be gone is revoked.
  await revokeAll(client, grant);
  await client.delete(actionGrants, { namespace, name }, { uid });
}

/** None where the CRD is gone already. */
async function grantsIn(client: KubernetesClient, phase: string): Promise<LiveGrant[]> {
  try {
    const fieldSelector = `status.phase=${phase}`;
    return (await client.list(actionGrants, { fieldSelector })).items;
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return [];
    throw error;
  }
}
