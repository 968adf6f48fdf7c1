/** The mutating webhook for pods in namespaces with injection: an agent pod, or a refusal that says what to change. */

import { ProblemError } from '../../../core/api/problem.ts';
import { printable } from '../../../core/text/url.ts';
import { inject } from '../../injection/inject.ts';
import type { SidecarImage } from '../../injection/injected-containers.ts';
import { fitted, type NamespaceLimits } from '../../injection/namespace-limits.ts';
import type { PodFault } from '../../injection/rule.ts';
import {
  type Fitted,
  namespaceResources,
  type ResourceBounds,
} from '../../injection/sidecar-resources.ts';
import { isAsSent } from '../../pods/as-sent.ts';
import { hasInjectedName } from '../../pods/containers.ts';
import type { Pod } from '../../pods/pod.ts';
import { memberPatch } from '../protocol/json-patch.ts';
import type { AdmissionAnswer, AdmissionRequest } from '../protocol/review.ts';

export interface InjectPodDependencies {
  image: SidecarImage;
  /** What the annotation of a namespace may ask for. */
  resourceBounds: ResourceBounds;
  agentNamespaces: readonly string[];
  /** Whether the settings that the sidecar would read in this namespace are known to be the controller's. */
  settingsPublished(namespace: string): boolean;
  /** Helm's release, for the command in a refusal. */
  release: { name: string; namespace: string };
}

/** Injection adds some kilobytes to each container, in memory here and in the policies that are evaluated after it. */
const MAX_CONTAINERS = 100;
/** Faults in one refusal, since kubectl and Events show one line. The next refusal names the rest. */
const FAULTS_TOLD = 5;
/** Names of other webhooks in one refusal. */
const WEBHOOKS_TOLD = 10;

/** What is known of the pod's namespace, and of others who change pods there. */
export interface KnownOfNamespace {
  /** Annotation SIDECAR_RESOURCES_ANNOTATION. */
  sidecarResources: string | undefined;
  limits: NamespaceLimits;
  /** Names of webhook configurations, for the words of a refusal. */
  otherWebhooks: readonly string[];
}

const NOTHING_KNOWN: KnownOfNamespace = {
  sidecarResources: undefined,
  limits: { limitRanges: [], resourceQuotas: [] },
  otherWebhooks: [],
};

/** Pure. @throws ProblemError RequestMalformed */
export function injectPod(
  dependencies: InjectPodDependencies,
  request: AdmissionRequest,
  known: KnownOfNamespace = NOTHING_KNOWN,
): AdmissionAnswer {
  const pod = podOf(request);
  const refusal = namespaceRefusal(dependencies, request.namespace);
  if (refusal !== null) return { allowed: false, problem: refusal };
  if (request.operation !== 'CREATE' || request.subresource !== '') return { allowed: true };
  const tooMany = tooManyContainers(pod);
  if (tooMany !== null) return { allowed: false, problem: podRefused([tooMany]) };
  const sidecar = resourcesIn(dependencies, request.namespace, known);
  if ('faults' in sidecar) return { allowed: false, problem: podRefused(sidecar.faults) };
  const injection = inject(pod, { ...dependencies.image, resources: sidecar.resources });
  if ('faults' in injection) {
    return { allowed: false, problem: injectionRefused(injection, known.otherWebhooks) };
  }
  const patch = memberPatch(pod.spec ?? {}, injection.injected.spec ?? {}, '/spec');
  return { allowed: true, patch };
}

function namespaceRefusal(
  { agentNamespaces, settingsPublished, release }: InjectPodDependencies,
  namespace: string,
): ProblemError | null {
  if (!agentNamespaces.includes(namespace)) {
    const list = [...agentNamespaces, namespace].join(',');
    return new ProblemError(
      'PodRefused',
      `Namespace ${namespace} is labelled for injection, but its agents could not get grants: it is not in rbac.agentNamespaces. Add it with: helm upgrade ${release.name} CHART --namespace ${release.namespace} --reset-then-reuse-values --set "rbac.agentNamespaces={${list}}"`,
    );
  }
  if (!settingsPublished(namespace)) {
    return new ProblemError(
      'NotReady',
      `The ActionGrant controller has not written its settings to namespace ${namespace} yet. Try again.`,
    );
  }
  return null;
}

function tooManyContainers({ spec = {} }: Pod): PodFault | null {
  const { initContainers = [], containers = [] } = spec;
  // The injected ones do not count: a webhook is asked again about what it has injected. Others of these names are not kept.
  const kept = initContainers.filter(({ name }) => !hasInjectedName(name));
  const count = kept.length + containers.length;
  if (count <= MAX_CONTAINERS) return null;
  return {
    field: 'spec.containers',
    reason: `are ${count} with init containers, and an agent pod has ${MAX_CONTAINERS} at most. Use several pods`,
  };
}

/** The resources of each injected container in a namespace. */
function resourcesIn(
  { image, resourceBounds: bounds }: InjectPodDependencies,
  namespace: string,
  { sidecarResources, limits }: KnownOfNamespace,
): Fitted {
  const own = namespaceResources(image.resources, sidecarResources, bounds);
  return 'faults' in own ? own : fitted(own.resources, limits, { namespace, bounds });
}

/** Names what was not in the pod as it was sent, and who may have written that. */
function injectionRefused(
  { faults, of }: { faults: readonly PodFault[]; of: Pod },
  others: readonly string[],
): ProblemError {
  const told = faults.map((fault) => ({ fault, added: addedBy(of, fault.field) }));
  if (!told.some(({ added }) => added !== undefined)) return podRefused(faults);
  const who =
    others.length === 0
      ? 'Another admission webhook, a MutatingAdmissionPolicy or an admission plugin added it'
      : `One of these webhooks, a MutatingAdmissionPolicy or an admission plugin added it: ${others.slice(0, WEBHOOKS_TOLD).join(', ')}`;
  return podRefused(
    told.map(({ fault, added }) =>
      added === undefined ? fault : { ...fault, field: `${fault.field} (${added})` },
    ),
    ` What was not sent, the pod's author cannot take back. ${who}. An administrator can make it leave these pods out: docs/how-to/other-webhooks.md.`,
  );
}

/** Undefined: the field was in the pod as it was sent, or nothing tells. */
function addedBy(pod: Pod, field: string): string | undefined {
  if (isAsSent(pod, field) !== false) return undefined;
  const [, list, index] = /^spec\.(initContainers|containers)\[(\d+)\]/.exec(field) ?? [];
  const containers = pod.spec?.[list === 'initContainers' ? 'initContainers' : 'containers'];
  const name = list === undefined ? undefined : containers?.[Number(index)]?.name;
  return name === undefined ? 'not sent' : `not sent; container ${printable(name, 63)}`;
}

/** @param more a sentence behind all faults, beginning with a space */
function podRefused(faults: readonly PodFault[], more = ''): ProblemError {
  const told = faults
    .slice(0, FAULTS_TOLD)
    .map(({ field, reason }) => `${printable(field, 200)} ${reason}`);
  const rest = faults.length - told.length;
  const detail = `ActionGrant cannot make this an agent pod: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.${more}`;
  const [first] = faults;
  return new ProblemError('PodRefused', detail, first === undefined ? {} : { field: first.field });
}

/** Mutating webhooks get what the API server has decoded; what is checked is that it was registered for pods. */
function podOf({ resource, object }: AdmissionRequest): Pod {
  const spec = object['spec'];
  if (
    resource.group !== '' ||
    resource.resource !== 'pods' ||
    typeof spec !== 'object' ||
    spec === null
  ) {
    throw new ProblemError('RequestMalformed', 'request.object is not a Pod.', {
      field: 'request.object',
    });
  }
  return object;
}
