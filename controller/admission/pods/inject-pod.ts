/** The mutating webhook for pods in namespaces with injection: an agent pod, or a refusal that says what to change. */

import { ProblemError } from '../../../core/api/problem.ts';
import { printable } from '../../../core/text/url.ts';
import { inject } from '../../injection/inject.ts';
import type { SidecarImage } from '../../injection/injected-containers.ts';
import type { PodFault } from '../../injection/rule.ts';
import { hasInjectedName } from '../../pods/containers.ts';
import type { Pod } from '../../pods/pod.ts';
import { memberPatch } from '../protocol/json-patch.ts';
import type { AdmissionAnswer, AdmissionRequest } from '../protocol/review.ts';

export interface InjectPodDependencies {
  image: SidecarImage;
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

export function injectPod(
  dependencies: InjectPodDependencies,
  request: AdmissionRequest,
): AdmissionAnswer {
  const pod = podOf(request);
  const refusal = namespaceRefusal(dependencies, request.namespace);
  if (refusal !== null) return { allowed: false, problem: refusal };
  if (request.operation !== 'CREATE' || request.subresource !== '') return { allowed: true };
  const tooMany = tooManyContainers(pod);
  if (tooMany !== null) return { allowed: false, problem: podRefused([tooMany]) };
  const injection = inject(pod, dependencies.image);
  if ('faults' in injection) return { allowed: false, problem: podRefused(injection.faults) };
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

function podRefused(faults: readonly PodFault[]): ProblemError {
  const told = faults
    .slice(0, FAULTS_TOLD)
    .map(({ field, reason }) => `${printable(field, 120)} ${reason}`);
  const more = faults.length - told.length;
  const detail = `ActionGrant cannot make this an agent pod: ${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`;
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
