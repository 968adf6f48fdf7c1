/**
 * Whether a pod is what injection would have made of it: all of it but the image, which admission pins. Pure.
 *
 * Pods live on while the controller is upgraded. A release that changes what is injected must accept here what the release
 * before it injected, too, or it would refuse every agent that runs.
 */

import { isDeepStrictEqual } from 'node:util';
import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import type { Container, Pod, PodSpec } from '../pods/pod.ts';
import { inboundPorts } from './inbound-ports.ts';
import {
  type FixedContainer,
  FREE_FIELDS,
  INJECTED_VOLUMES,
  initContainer,
  sidecarContainer,
} from './injected-containers.ts';
import { type LabelSelector, selects } from './label-selector.ts';
import { restrictionFaults } from './restrictions.ts';
import { faultsOf, type Rule, when } from './rule.ts';

/** What is wrong, naming the field; undefined: nothing. */
export function injectionFault(pod: Pod): string | undefined {
  const faults = faultsOf(INJECTED_PARTS, pod.spec ?? {}, (field) => `spec.${field}`);
  const [first] = faults.length > 0 ? faults : restrictionFaults(pod);
  return first === undefined ? undefined : `${first.field} ${first.reason}`;
}

/**
 * The fault of a pod, where its namespace asks for injection. `labels` are the namespace's; in a namespace that is not known,
 * pods are held to the same.
 */
export function requiredInjectionFault(
  fault: string | undefined,
  labels: Readonly<Record<string, string>> | undefined,
  selector: LabelSelector,
): string | undefined {
  return labels === undefined || selects(selector, labels) ? fault : undefined;
}

export const INJECTED_PARTS: readonly Rule<PodSpec>[] = [
  {
    id: 'net-init',
    broken: (spec) =>
      when(
        !isExactly(spec.initContainers?.[0], initContainer(inboundPorts(spec))),
        'initContainers[0]',
      ),
    reason: `is not ${INIT_CONTAINER_NAME} as it is injected`,
  },
  {
    id: 'sidecar',
    broken: ({ initContainers }) =>
      when(!isExactly(initContainers?.[1], sidecarContainer()), 'initContainers[1]'),
    reason: `is not ${SIDECAR_CONTAINER_NAME} as it is injected`,
  },
  ...INJECTED_VOLUMES.map(
    (volume): Rule<PodSpec> => ({
      id: 'injected-volumes',
      broken: ({ volumes = [] }) => {
        const found = volumes.filter(({ name }) => name === volume.name);
        return when(!isDeepStrictEqual(found, [volume]), 'volumes');
      },
      reason: `has no ${volume.name} as it is injected`,
    }),
  ),
  {
    id: 'no-automount',
    broken: ({ automountServiceAccountToken }) =>
      when(automountServiceAccountToken !== false, 'automountServiceAccountToken'),
    reason: 'is not false',
  },
];

const FREE: ReadonlySet<string> = new Set(FREE_FIELDS);

function isExactly(actual: Container | undefined, expected: FixedContainer): boolean {
  if (actual === undefined) return false;
  const fixed = Object.fromEntries(Object.entries(actual).filter(([name]) => !FREE.has(name)));
  return isDeepStrictEqual(fixed, expected) && (actual.resources?.claims ?? []).length === 0;
}
