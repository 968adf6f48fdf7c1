/** Fills in what a container leaves open and the rules ask for; what it says itself stays, and is judged by the rules. */

import { DEFAULT_AGENT_UID } from '../../core/api/pod-layout.ts';
import { effective } from '../pods/containers.ts';
import type { Container, ContainerSecurityContext, PodSecurityContext } from '../pods/pod.ts';

export function restricted(container: Container, pod: PodSecurityContext): Container {
  const own = container.securityContext ?? {};
  const { drop = [] } = own.capabilities ?? {};
  const filledIn: ContainerSecurityContext = {
    allowPrivilegeEscalation: false,
    ...own,
    capabilities: { ...own.capabilities, drop: drop.includes('ALL') ? drop : [...drop, 'ALL'] },
  };
  if (effective(container, pod, 'runAsNonRoot') === undefined) filledIn.runAsNonRoot = true;
  if (effective(container, pod, 'runAsUser') === undefined) filledIn.runAsUser = DEFAULT_AGENT_UID;
  if (effective(container, pod, 'seccompProfile') === undefined) {
    filledIn.seccompProfile = { type: 'RuntimeDefault' };
  }
  return { ...container, securityContext: filledIn };
}
