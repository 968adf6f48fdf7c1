/**
 * What the rest of a pod must keep to (P1, P14, P16). net-init needs NET_ADMIN, so the namespace cannot have the Pod
 * Security Standard `restricted`: this is that standard, stated again for every other container, and what interception needs
 * besides. `charts/actiongrant/templates/policies/pods.yaml` restates each rule (`Rule.id`) in CEL.
 */

import { agentContainersOf } from '../pods/containers.ts';
import type { Pod } from '../pods/pod.ts';
import { CONTAINER_RULES } from './container-rules.ts';
import { ANNOTATION_RULES, POD_RULES } from './pod-rules.ts';
import { PROFILE_RULES } from './profile-rules.ts';
import { faultsOf, type PodFault } from './rule.ts';

/** Everything that is wrong with an injected pod, apart from the injected parts themselves. */
export function restrictionFaults({ spec = {}, metadata = {} }: Pod): PodFault[] {
  const inherited = spec.securityContext ?? {};
  return [
    ...faultsOf(
      ANNOTATION_RULES,
      metadata.annotations ?? {},
      (name) => `metadata.annotations[${name}]`,
    ),
    ...faultsOf(POD_RULES, spec, (field) => `spec.${field}`),
    ...faultsOf(PROFILE_RULES, inherited, (field) => `spec.securityContext.${field}`),
    ...agentContainersOf(spec).flatMap(({ container, field }) => [
      ...faultsOf(CONTAINER_RULES, { container, pod: inherited }, (member) => `${field}.${member}`),
      ...faultsOf(
        PROFILE_RULES,
        container.securityContext ?? {},
        (member) => `${field}.securityContext.${member}`,
      ),
    ]),
  ];
}
