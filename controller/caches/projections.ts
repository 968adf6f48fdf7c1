/**
 * What the caches keep of objects. Tenants decide how large their pods are, and requesters how they label their grants. What
 * the controller does not read must not take its memory. So a pod is judged when it comes, and its spec is not kept.
 */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { ACCEPTS_GRANTS_ANNOTATION } from '../../core/api/names.ts';
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

/** Its labels select it for injection; one annotation is its consent. */
export function keepNamespace(namespace: Live<Namespace>): Live<Namespace> {
  const { labels, annotations } = namespace.metadata;
  const consent = annotations?.[ACCEPTS_GRANTS_ANNOTATION];
  return {
    metadata: {
      ...identityOf(namespace.metadata),
      ...(labels === undefined ? {} : { labels }),
      ...(consent === undefined ? {} : { annotations: { [ACCEPTS_GRANTS_ANNOTATION]: consent } }),
    },
  };
}

function identityOf({ name, namespace, uid, resourceVersion }: LiveObjectMeta): LiveObjectMeta {
  return { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion };
}
