/**
 * What the caches keep of objects. Tenants decide how large their pods are, and requesters how they label their grants. What
 * the controller does not read must not take its memory. So a pod is judged when it comes, and its spec is not kept.
 */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { ACCEPTS_GRANTS_ANNOTATION, SIDECAR_RESOURCES_ANNOTATION } from '../../core/api/names.ts';
import type { KubernetesObject, Live, LiveObjectMeta } from '../../core/kubernetes/object.ts';
import type { Namespace } from '../../core/kubernetes/resources.ts';
import { injectionFault } from '../injection/verify.ts';
import type { Pod } from '../pods/pod.ts';

/** A pod as the exchange needs to know it. */
export interface AgentPod extends KubernetesObject {
  serviceAccountName: string | undefined;
  /** What makes it no injected pod; undefined: nothing does. */
  injectionFault: string | undefined;
  status: { phase?: string };
}

export function keepPod(pod: Live<Pod>): Live<AgentPod> {
  const { phase } = pod.status ?? {};
  return {
    metadata: identityOf(pod.metadata),
    serviceAccountName: pod.spec?.serviceAccountName,
    injectionFault: injectionFault(pod),
    status: phase === undefined ? {} : { phase },
  };
}

export function keepGrant(grant: Live<ActionGrant>): Live<ActionGrant> {
  const { annotations: _1, labels: _2, managedFields: _3, ...metadata } = grant.metadata;
  return { ...grant, metadata };
}

/** Whoever may write a Namespace may make its annotations large. What is longer is no JSON of ours any more, and so refused. */
const ANNOTATION_LENGTH = 1_000;
const KEPT_ANNOTATIONS = [ACCEPTS_GRANTS_ANNOTATION, SIDECAR_RESOURCES_ANNOTATION] as const;

/** Its labels select it for injection; one annotation is its consent, and one is about its sidecars. */
export function keepNamespace(namespace: Live<Namespace>): Live<Namespace> {
  const { labels, annotations } = namespace.metadata;
  const kept = KEPT_ANNOTATIONS.flatMap((name) => {
    const value = annotations?.[name];
    if (value === undefined) return [];
    return [
      [name, name === SIDECAR_RESOURCES_ANNOTATION ? value.slice(0, ANNOTATION_LENGTH) : value],
    ];
  });
  return {
    metadata: {
      ...identityOf(namespace.metadata),
      ...(labels === undefined ? {} : { labels }),
      ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
    },
  };
}

function identityOf({ name, namespace, uid, resourceVersion }: LiveObjectMeta): LiveObjectMeta {
  return { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion };
}
