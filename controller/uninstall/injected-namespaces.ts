/** Namespaces whose pods are still injected, and what to tell the administrator of them. */

import { CONTROLLER_NAME } from '../../core/api/names.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { namespaces } from '../../core/kubernetes/resources.ts';
import { type LabelSelector, selects } from '../injection/label-selector.ts';

/** On the controller's Deployment, so that it goes with the release: `true` uninstalls although namespaces are labelled. */
export const FORCE_ANNOTATION = 'actiongrant.dev/force-uninstall';

/** As Helm knows it. */
export interface Release {
  namespace: string;
  name: string;
  revision: string;
}

/**
 * As the webhook selects them: never the release's own namespace, nor kube-system. A namespace that is being deleted gets no
 * more pods.
 * @throws KubernetesError
 */
export async function injectedNamespaces(
  client: KubernetesClient,
  release: Release,
  selector: LabelSelector,
): Promise<string[]> {
  const { items } = await client.list(namespaces);
  return items
    .filter(
      ({ metadata: { labels = {}, deletionTimestamp } }) =>
        deletionTimestamp === undefined && selects(selector, labels),
    )
    .map(({ metadata }) => metadata.name)
    .filter((name) => name !== release.namespace && name !== 'kube-system')
    .sort();
}

/** Why the release is not deleted, and the ways out, a line each. */
export function stillInjected(
  labelled: readonly string[],
  release: Release,
  selector: LabelSelector,
): string[] {
  const { namespace, name, revision } = release;
  return [
    `ActionGrant is not uninstalled: agents' pods are still injected in ${labelled.join(', ')}.`,
    'Without ActionGrant, new pods in these namespaces would start with neither sidecar nor packet filter.',
    'Agents that are running could call nothing.',
    '',
    'To uninstall ActionGrant, move the agents or give up their confinement first.',
    ...unlabel(labelled, selector),
    'Then uninstall again.',
    '',
    'To uninstall ActionGrant with the namespaces as they are, annotate its Deployment first:',
    `  kubectl -n ${namespace} annotate deployment ${CONTROLLER_NAME} ${FORCE_ANNOTATION}=true`,
    '',
    'To keep ActionGrant, tell Helm before it upgrades the release again. Nothing was changed:',
    `  helm --namespace ${namespace} rollback ${name} ${revision}`,
  ];
}

/** Without one of its labels a namespace is no longer selected; expressions may also ask for a label, or for none. */
function unlabel(labelled: readonly string[], selector: LabelSelector): string[] {
  const [label] = Object.keys(selector.matchLabels ?? {});
  if (label === undefined) {
    return [
      `Then change the labels of the namespaces, so that this selector no longer selects them: ${JSON.stringify(selector)}`,
    ];
  }
  return ['Then remove the label:', `  kubectl label namespace ${labelled.join(' ')} ${label}-`];
}
