/**
 * What LimitRanges and ResourceQuotas of a namespace mean for net-init and the sidecar. Their admission plugins run after every
 * webhook, and refuse in words that name neither these objects nor the containers. So it is said here, and where it does no harm
 * the resources are raised. They are never lowered: a sidecar with less memory than it was measured to need would fail its agent.
 * Pure.
 */

import { SIDECAR_RESOURCES_ANNOTATION } from '../../core/api/names.ts';
import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import { parseQuantity, quantityOf } from '../../core/kubernetes/quantity.ts';
import type { LimitRange, LimitRangeItem, ResourceQuota } from '../../core/kubernetes/resources.ts';
import type { Resources } from '../pods/pod.ts';
import type { PodFault } from './rule.ts';
import {
  BOUNDS_VALUE,
  boundFaults,
  type Fitted,
  type ResourceBounds,
} from './sidecar-resources.ts';

/** What a namespace asks of resources. */
export interface NamespaceLimits {
  limitRanges: readonly LimitRange[];
  resourceQuotas: readonly ResourceQuota[];
}

type Member = 'limits' | 'requests';

/** One demand of a LimitRange on every container, about one resource. */
interface Demand {
  /** Of the LimitRange. */
  range: string;
  resource: string;
  item: LimitRangeItem;
}

const FIELD = `spec.initContainers: the resources of ${INIT_CONTAINER_NAME} and ${SIDECAR_CONTAINER_NAME}`;

/** The resources of each injected container as the namespace takes them, or what stands in the way. */
export function fitted(
  resources: Resources,
  { limitRanges, resourceQuotas }: NamespaceLimits,
  { namespace, bounds }: { namespace: string; bounds: ResourceBounds },
): Fitted {
  const items = limitRanges.flatMap(({ metadata = {}, spec = {} }) =>
    (spec.limits ?? [])
      .filter(({ type }) => type === 'Container')
      .map((item) => ({ range: metadata.name ?? '', item })),
  );
  const demands = items.flatMap(({ range, item }) =>
    resourcesOf(item).map((resource): Demand => ({ range, resource, item })),
  );
  const raised = demands.reduce(raise, { resources, defaults: defaultsOf(demands) }).resources;
  const faults = [
    ...demands.flatMap((demand) => limitRangeFaults(raised, demand, namespace)),
    ...raisedTooFar(resources, raised, bounds),
    ...quotaFaults(withDefaults(raised, defaultsOf(demands)), resourceQuotas, namespace),
  ];
  return faults.length === 0 ? { resources: raised } : { faults };
}

/** What the plugin LimitRanger fills in; the first LimitRange that names a resource counts. */
function defaultsOf(demands: readonly Demand[]): Resources {
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  for (const { resource, item } of demands) {
    const limit = item.default?.[resource];
    const request = item.defaultRequest?.[resource];
    if (limit !== undefined) limits[resource] ??= limit;
    if (request !== undefined) requests[resource] ??= request;
  }
  return { limits, requests };
}

/** As the plugin leaves them. Without a request the limit is one: the API server's default, for containers and LimitRanges alike. */
function withDefaults(resources: Resources, defaults: Resources): Required<Resources> {
  const limits = { ...defaults.limits, ...resources.limits };
  const requests = {
    ...defaults.limits,
    ...defaults.requests,
    ...resources.limits,
    ...resources.requests,
  };
  return { limits, requests, claims: [] };
}

function raise(
  state: { resources: Resources; defaults: Resources },
  { resource, item }: Demand,
): { resources: Resources; defaults: Resources } {
  const all = withDefaults(state.resources, state.defaults);
  const least = amount(item.min?.[resource]) ?? 0;
  const ratio = amount(item.maxLimitRequestRatio?.[resource]);
  let limit = amount(all.limits[resource]);
  let request = Math.max(amount(all.requests[resource]) ?? 0, least);
  // A default of the namespace may be less than what the sidecar asks for.
  if (limit !== undefined) limit = Math.max(limit, request, least);
  if (ratio !== undefined && ratio > 0 && limit !== undefined) {
    request = Math.max(request, limit / ratio);
  }
  return {
    ...state,
    resources: {
      requests: changed(state.resources.requests, all.requests, resource, request),
      limits: changed(state.resources.limits, all.limits, resource, limit ?? 0),
    },
  };
}

/** `quantities` with this one, unless it is that much already by itself or by default. */
function changed(
  quantities: Resources['limits'] = {},
  all: Readonly<Record<string, string>>,
  resource: string,
  value: number,
): Record<string, string> {
  if (value <= (amount(all[resource]) ?? 0)) return quantities;
  return { ...quantities, [resource]: quantityOf(resource, value) };
}

function limitRangeFaults(
  { limits = {}, requests = {} }: Resources,
  { range, resource, item }: Demand,
  namespace: string,
): PodFault[] {
  const most = item.max?.[resource];
  return (['limits', 'requests'] as const).flatMap((member) => {
    const quantity = (member === 'limits' ? limits : requests)[resource];
    if (most === undefined || quantity === undefined) return [];
    if ((amount(quantity) ?? 0) <= (amount(most) ?? 0)) return [];
    return [
      {
        field: FIELD,
        reason: `have ${member}.${resource}: ${quantity}, and the LimitRange ${range} of the namespace allows a container ${most} at most. Ask an administrator to raise it, or to give the sidecars of the namespace less: ${annotate(namespace, member, resource, most)}`,
      },
    ];
  });
}

/** What was raised for a LimitRange stays within what the release gives a namespace. */
function raisedTooFar(before: Resources, after: Resources, bounds: ResourceBounds): PodFault[] {
  return (['limits', 'requests'] as const).flatMap((member) =>
    Object.entries(after[member] ?? {})
      .filter(([resource, quantity]) => before[member]?.[resource] !== quantity)
      .flatMap(([resource, quantity]) =>
        boundFaults({ member, resource, quantity }, { min: {}, max: bounds.max }),
      )
      .map(() => ({
        field: FIELD,
        reason: `would have to be more than ${BOUNDS_VALUE}.max of the chart allows, for a LimitRange of the namespace. Ask an administrator to change one of them`,
      })),
  );
}

/** A quota on a resource makes every container of every pod name it, init containers included. */
function quotaFaults(
  resources: Required<Resources>,
  quotas: readonly ResourceQuota[],
  namespace: string,
): PodFault[] {
  return quotas
    .filter(({ spec }) => spec?.scopes === undefined && spec?.scopeSelector === undefined)
    .flatMap(({ metadata = {}, spec = {} }) =>
      Object.keys(spec.hard ?? {}).flatMap((key) => {
        const [, member, resource = ''] =
          /^(limits\.|requests\.)?(cpu|memory|ephemeral-storage)$/.exec(key) ?? [];
        const list: Member = member === 'limits.' ? 'limits' : 'requests';
        if (resource === '' || resources[list]?.[resource] !== undefined) return [];
        return [
          {
            field: FIELD,
            reason: `have no ${list}.${resource}, and the ResourceQuota ${metadata.name} of the namespace makes every container name it. Ask an administrator for a LimitRange with a default, or for: ${annotate(namespace, list, resource, EXAMPLES[resource] ?? '')}`,
          },
        ];
      }),
    );
}

const EXAMPLES: Readonly<Record<string, string>> = {
  cpu: '500m',
  memory: '256Mi',
  'ephemeral-storage': '64Mi',
};

function annotate(namespace: string, member: Member, resource: string, quantity: string): string {
  const value = JSON.stringify({ [member]: { [resource]: quantity } });
  return `kubectl annotate namespace ${namespace} --overwrite ${SIDECAR_RESOURCES_ANNOTATION}='${value}'`;
}

function resourcesOf(item: LimitRangeItem): string[] {
  const { default: limits, defaultRequest, min, max, maxLimitRequestRatio } = item;
  const all = [limits, defaultRequest, min, max, maxLimitRequestRatio].flatMap((quantities) =>
    Object.keys(quantities ?? {}),
  );
  return [...new Set(all)];
}

function amount(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : parseQuantity(quantity);
}
