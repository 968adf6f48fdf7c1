/**
 * Whether a pod is what injection would have made of it: all of it but the image, which admission pins. Pure.
 *
 * Pods live on while the controller is upgraded. A release that changes what is injected must accept here what the release
 * before it injected, too, or it would refuse every agent that runs.
 */

import { isDeepStrictEqual } from 'node:util';
import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import type { Container, InjectablePod } from '../pods/pod.ts';
import { inboundPorts } from './inbound-ports.ts';
import {
  type FixedContainer,
  initContainer,
  isOurVolume,
  OUR_VOLUMES,
  sidecarContainer,
} from './injected-containers.ts';
import { type LabelSelector, selects } from './label-selector.ts';
import { restrictionFaults } from './restrictions.ts';

/** What is wrong, naming the field; undefined: nothing. */
export function injectionFault(pod: InjectablePod): string | undefined {
  const ours = faultOfOurs(pod);
  if (ours !== undefined) return ours;
  const [fault] = restrictionFaults(pod);
  return fault === undefined ? undefined : `${fault.field} ${fault.reason}`;
}

/**
 * The fault of a pod, where its namespace asks for injection. `labels` are the namespace's; of one that is not known, nothing
 * less is asked.
 */
export function requiredInjectionFault(
  fault: string | undefined,
  labels: Readonly<Record<string, string>> | undefined,
  selector: LabelSelector,
): string | undefined {
  return labels === undefined || selects(selector, labels) ? fault : undefined;
}

function faultOfOurs({ spec = {} }: InjectablePod): string | undefined {
  const [first, second] = spec.initContainers ?? [];
  if (!isExactly(first, initContainer(inboundPorts(spec)))) {
    return `spec.initContainers[0] is not ${INIT_CONTAINER_NAME} as it is injected`;
  }
  if (!isExactly(second, sidecarContainer())) {
    return `spec.initContainers[1] is not ${SIDECAR_CONTAINER_NAME} as it is injected`;
  }
  const volumes = (spec.volumes ?? []).filter(isOurVolume);
  for (const volume of OUR_VOLUMES) {
    const found = volumes.filter(({ name }) => name === volume.name);
    if (!isDeepStrictEqual(found, [volume])) {
      return `spec.volumes has no ${volume.name} as it is injected`;
    }
  }
  return spec.automountServiceAccountToken === false
    ? undefined
    : 'spec.automountServiceAccountToken is not false';
}

function isExactly(actual: Container | undefined, expected: FixedContainer): boolean {
  if (actual === undefined) return false;
  const { image: _1, imagePullPolicy: _2, resources = {}, resizePolicy: _3, ...fixed } = actual;
  return isDeepStrictEqual(fixed, expected) && (resources.claims ?? []).length === 0;
}
