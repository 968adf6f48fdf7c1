/**
 * What must happen while the release is still there: no agent loses its sidecar unawares, and no credential that is live now
 * outlives the controller that would revoke it. The controller runs on until Helm deletes it, a moment later: a grant that is
 * approved in between keeps its Secret, and its token, if it is used, ends by itself after 10 minutes at most.
 */

import { CONTROLLER_NAME } from '../../core/api/names.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Resource } from '../../core/kubernetes/object.ts';
import type { LabelSelector } from '../injection/label-selector.ts';
import { type Output, reasonOf } from '../jobs/output.ts';
import type { Retry } from '../jobs/retry.ts';
import {
  FORCE_ANNOTATION,
  injectedNamespaces,
  type Release,
  stillInjected,
} from './injected-namespaces.ts';
import { revokeLiveGrants } from './revoke-grants.ts';

const deployments: Resource = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};

export interface UninstallDependencies {
  client: KubernetesClient;
  release: Release;
  injectionSelector: LabelSelector;
  retry: Retry;
  output: Output;
}

/**
 * @returns whether the release may be deleted; if not, the output says why
 * @throws Error that names what could not be found out
 */
export async function prepareUninstall(dependencies: UninstallDependencies): Promise<boolean> {
  return (await mayLeaveNamespaces(dependencies)) && (await revokeGrants(dependencies));
}

/** Whether no pod would start without its sidecar, or the administrator wants that. */
async function mayLeaveNamespaces({
  client,
  release,
  injectionSelector,
  retry,
  output,
}: UninstallDependencies): Promise<boolean> {
  const labelled = await retry(() => injectedNamespaces(client, release, injectionSelector)).catch(
    because('namespaces could not be listed'),
  );
  if (labelled.length === 0) return true;
  const forced = await retry(() => isForced(client, release)).catch(
    because(`the annotation of deployment ${CONTROLLER_NAME} could not be read`),
  );
  if (!forced) {
    for (const line of stillInjected(labelled, release, injectionSelector)) output(line);
    return false;
  }
  output(
    `ActionGrant is uninstalled although these namespaces are labelled: ${labelled.join(', ')}.`,
  );
  return true;
}

async function isForced(client: KubernetesClient, { namespace }: Release): Promise<boolean> {
  try {
    const { metadata } = await client.get(deployments, { namespace, name: CONTROLLER_NAME });
    return metadata.annotations?.[FORCE_ANNOTATION] === 'true';
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return false;
    throw error;
  }
}

/** Whether every live grant is revoked now. */
async function revokeGrants({ client, retry, output }: UninstallDependencies): Promise<boolean> {
  const { revoked, failed } = await revokeLiveGrants(client, retry).catch(
    because('live grants could not be revoked'),
  );
  output(`Grants revoked: ${revoked}.`);
  if (failed.length === 0) return true;
  output('ActionGrant is not uninstalled. These grants are live and could not be revoked:');
  for (const line of failed) output(`  ${line}`);
  output('Delete these grants and their Secrets of type actiongrant.dev/bound with kubectl.');
  output('Then uninstall again.');
  return false;
}

/** What to throw for a step that failed. */
function because(failure: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${failure} (${reasonOf(error)})`, { cause: error });
  };
}
