/**
 * The resources of net-init and the sidecar in one namespace: the release's, with what an annotation of the namespace says
 * instead. `edit` may not write a Namespace, and the release bounds what the annotation may ask for. Pure.
 */

import { SIDECAR_RESOURCES_ANNOTATION } from '../../core/api/names.ts';
import { parseQuantity } from '../../core/kubernetes/quantity.ts';
import type { Quantities } from '../../core/kubernetes/resources.ts';
import { isRecord } from '../../core/text/json.ts';
import { printable } from '../../core/text/url.ts';
import type { Resources } from '../pods/pod.ts';
import type { PodFault } from './rule.ts';

/** What a namespace may ask for. A resource that is not named has no bound. */
export interface ResourceBounds {
  /** Of limits. */
  min: Quantities;
  /** Of limits and requests. */
  max: Quantities;
}

export type Fitted = { resources: Resources } | { faults: readonly PodFault[] };

/** Where the bounds are set. */
export const BOUNDS_VALUE = 'sidecar.namespaceResources';
const RESOURCES: readonly string[] = ['cpu', 'memory', 'ephemeral-storage'];
const MEMBERS = ['requests', 'limits'] as const;
const FIELD = `metadata.annotations[${SIDECAR_RESOURCES_ANNOTATION}] of the namespace`;
const EXAMPLE = '{"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}}';

/** @param annotation undefined: the namespace has none */
export function namespaceResources(
  resources: Resources,
  annotation: string | undefined,
  bounds: ResourceBounds,
): Fitted {
  if (annotation === undefined) return { resources };
  const asked = parsed(annotation);
  if (asked === undefined) {
    return fault(
      `must be JSON with quantities of ${RESOURCES.join(', ')} as texts, such as ${EXAMPLE}`,
    );
  }
  const faults = MEMBERS.flatMap((member) =>
    Object.entries(asked[member] ?? {}).flatMap(([resource, quantity]) =>
      boundFaults({ member, resource, quantity }, bounds),
    ),
  );
  if (faults.length > 0) return { faults };
  const merged: Resources = {
    requests: { ...resources.requests, ...asked.requests },
    limits: { ...resources.limits, ...asked.limits },
  };
  const tooSmall = RESOURCES.find((resource) => {
    const limit = amount(merged.limits?.[resource]);
    const request = amount(merged.requests?.[resource]);
    return limit !== undefined && request !== undefined && limit < request;
  });
  if (tooSmall === undefined) return { resources: merged };
  return fault(
    `makes the limit of ${tooSmall} ${merged.limits?.[tooSmall]}, which is less than the request, ${merged.requests?.[tooSmall]}. Name both`,
  );
}

/** Whether a limit or request is within the bounds, as a fault if it is not. */
export function boundFaults(
  asked: { member: 'limits' | 'requests'; resource: string; quantity: string },
  { min, max }: ResourceBounds,
): PodFault[] {
  const { member, resource, quantity } = asked;
  const value = amount(quantity) ?? 0;
  const most = amount(max[resource]);
  const least = member === 'limits' ? amount(min[resource]) : undefined;
  const bound = (which: string, text: string | undefined): PodFault => ({
    field: FIELD,
    reason: `has ${member}.${resource}: ${printable(quantity, 40)}, and the release allows ${text} at ${which}. Change it, or ${BOUNDS_VALUE} of the chart`,
  });
  if (most !== undefined && value > most) return [bound('most', max[resource])];
  if (least !== undefined && value < least) return [bound('least', min[resource])];
  return [];
}

function parsed(annotation: string): Resources | undefined {
  let value: unknown;
  try {
    value = JSON.parse(annotation);
  } catch {
    return undefined;
  }
  return isRecord(value) && Object.entries(value).every(isMember) ? value : undefined;
}

function isMember([member, quantities]: [string, unknown]): boolean {
  return (
    MEMBERS.some((known) => known === member) &&
    isRecord(quantities) &&
    Object.entries(quantities).every(
      ([resource, quantity]) =>
        RESOURCES.includes(resource) &&
        typeof quantity === 'string' &&
        (parseQuantity(quantity) ?? -1) >= 0,
    )
  );
}

function amount(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : parseQuantity(quantity);
}

function fault(reason: string): Fitted {
  return { faults: [{ field: FIELD, reason }] };
}
