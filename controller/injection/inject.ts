/** Makes an agent pod of an ordinary one, or says why it cannot. Pure, and idempotent. */

import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../api/pod-layout.ts';
import { withClientVariables } from './client-environment.ts';
import { inboundPorts } from './inbound-ports.ts';
import {
  AGENT_MOUNT,
  type FixedContainer,
  initContainer,
  isOurVolume,
  OUR_VOLUMES,
  type SidecarImage,
  sidecarContainer,
} from './ours.ts';
import {
  type Container,
  type InjectablePod,
  isNamedAsOurs,
  type PodSpec,
  type Resources,
  type Volume,
} from './pod.ts';
import { restricted } from './restrict.ts';
import { restrictionFaults } from './restrictions.ts';
import type { PodFault } from './rule.ts';
import { injectionFault } from './verify.ts';

export type Injection =
  | { injected: InjectablePod }
  /** Everything that stands in the way; never empty. */
  | { faults: readonly PodFault[] };

/** A pod that is being created. What has the names of ours is taken for an attempt to look injected, and written anew. */
export function inject(pod: InjectablePod, image: SidecarImage): Injection {
  const spec = pod.spec ?? {};
  const volumes = (spec.volumes ?? []).filter(
    (volume) => !isOurVolume(volume) && !isAutomountedToken(volume),
  );
  const gone = new Set((spec.volumes ?? []).filter(isAutomountedToken).map(({ name }) => name));
  const theirs = (container: Container): Container => agentContainer(container, spec, gone);
  const initContainers = (spec.initContainers ?? []).filter(({ name }) => !isNamedAsOurs(name));
  const before = (expected: FixedContainer): Container | undefined =>
    spec.initContainers?.find(({ name }) => name === expected.name);
  const ours = [initContainer(inboundPorts(spec)), sidecarContainer()];
  const injected: InjectablePod = {
    ...pod,
    spec: {
      ...spec,
      automountServiceAccountToken: false,
      dnsConfig: withSingleDot(spec.dnsConfig),
      initContainers: [
        ...ours.map((container) => ourContainer(container, image, before(container))),
        ...initContainers.map(theirs),
      ],
      containers: (spec.containers ?? []).map(theirs),
      volumes: [...volumes, ...OUR_VOLUMES],
    },
  };
  return judged(injected);
}

/** A pod to which ephemeral containers are added. Those that it has already cannot be changed any more. */
export function injectEphemeralContainers(pod: InjectablePod, previous: InjectablePod): Injection {
  const fault = injectionFault(previous);
  if (fault !== undefined) {
    const reason = `of a pod that was not injected (${fault}). Delete it, so that it is created again, injected`;
    return { faults: [{ field: 'spec.ephemeralContainers', reason }] };
  }
  const added = pod.spec?.ephemeralContainers?.length ?? 0;
  const before = previous.spec?.ephemeralContainers?.length ?? 0;
  if (added > before && !sidecarStarted(previous)) {
    const reason = `of a pod whose sidecar has not started: nothing holds its network until its sidecar has started. Wait for that, and see what its init container ${INIT_CONTAINER_NAME} waits for`;
    return { faults: [{ field: 'spec.ephemeralContainers', reason }] };
  }
  const spec = pod.spec ?? {};
  const known = new Set(previous.spec?.ephemeralContainers?.map(({ name }) => name));
  const injected: InjectablePod = {
    ...pod,
    spec: {
      ...spec,
      ephemeralContainers: (spec.ephemeralContainers ?? []).map((container) =>
        known.has(container.name) ? container : agentContainer(container, spec, new Set()),
      ),
    },
  };
  return judged(injected);
}

/** The kubelet starts ephemeral containers at once, also beside init containers that have not ended. */
function sidecarStarted({ status }: InjectablePod): boolean {
  return (status?.initContainerStatuses ?? []).some(
    ({ name, started }) => name === SIDECAR_CONTAINER_NAME && started === true,
  );
}

function judged(injected: InjectablePod): Injection {
  const faults = restrictionFaults(injected);
  return faults.length === 0 ? { injected } : { faults };
}

/** A container of the agent's: restricted, with the files and variables that its clients need. */
function agentContainer(
  container: Container,
  { securityContext = {} }: PodSpec,
  goneVolumes: ReadonlySet<string>,
): Container {
  const { env = [], volumeMounts = [] } = container;
  const kept = volumeMounts.filter(
    ({ name }) => name !== AGENT_MOUNT.name && !goneVolumes.has(name),
  );
  return {
    ...restricted(container, securityContext),
    env: withClientVariables(env),
    volumeMounts: [...kept, AGENT_MOUNT],
  };
}

/** `before`: what stood in its place when admission plugins looked at an earlier injection. */
function ourContainer(
  container: FixedContainer,
  { image, imagePullPolicy, resources }: SidecarImage,
  before: Container | undefined,
): Container {
  return {
    ...container,
    image,
    // Otherwise what the plugin AlwaysPullImages sets would be taken back, and it would refuse the pod.
    imagePullPolicy: before?.imagePullPolicy === 'Always' ? 'Always' : imagePullPolicy,
    resources: withDefaults(resources, before?.resources),
  };
}

const DEFAULTED_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

/** Likewise for what the plugin LimitRanger fills in where we say nothing. */
function withDefaults(ours: Resources, before: Resources = {}): Resources {
  const both = (member: 'limits' | 'requests'): Record<string, string> => ({
    ...Object.fromEntries(
      Object.entries(before[member] ?? {}).filter(([name]) => DEFAULTED_RESOURCES.includes(name)),
    ),
    ...ours[member],
  });
  return { limits: both('limits'), requests: both('requests') };
}

/** What the plugin ServiceAccount has added: the pod's identity for the API server, which agents do not have. */
function isAutomountedToken({ name, projected }: Volume): boolean {
  return (
    name.startsWith('kube-api-access-') &&
    (projected?.sources ?? []).some(({ serviceAccountToken }) => serviceAccountToken !== undefined)
  );
}

/**
 * With the usual `ndots:5` every name is first looked for below each search domain, and the sidecar's DNS would answer for
 * each of these.
 */
function withSingleDot(dnsConfig: PodSpec['dnsConfig'] = {}): NonNullable<PodSpec['dnsConfig']> {
  const others = (dnsConfig.options ?? []).filter(({ name }) => name !== 'ndots');
  return { ...dnsConfig, options: [...others, { name: 'ndots', value: '1' }] };
}
