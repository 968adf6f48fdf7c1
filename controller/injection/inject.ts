/** Makes an agent pod of an ordinary one, or says why it cannot. Pure, and idempotent. */

import { hasInjectedName } from '../pods/containers.ts';
import type { Container, Pod, PodSpec, Resources, Volume } from '../pods/pod.ts';
import { withClientVariables } from './client-environment.ts';
import { inboundPorts } from './inbound-ports.ts';
import {
  AGENT_MOUNT,
  type FixedContainer,
  INJECTED_VOLUMES,
  initContainer,
  isInjectedVolume,
  type SidecarImage,
  sidecarContainer,
} from './injected-containers.ts';
import { restricted } from './restrict.ts';
import { restrictionFaults } from './restrictions.ts';
import type { PodFault } from './rule.ts';

export type Injection =
  | { injected: Pod }
  /** Everything that stands in the way, never empty, and the pod whose fields it names. */
  | { faults: readonly PodFault[]; of: Pod };

/**
 * Injects a pod that is being created. Containers and volumes that have the names of injected ones already are taken for an
 * attempt to look injected, and are replaced.
 */
export function inject(pod: Pod, image: SidecarImage): Injection {
  const spec = pod.spec ?? {};
  const injected: Pod = {
    ...pod,
    spec: {
      ...spec,
      automountServiceAccountToken: false,
      dnsConfig: withSingleDot(spec.dnsConfig),
      ...pullSecrets(spec.imagePullSecrets, image.imagePullSecrets),
      initContainers: [
        ...injectedContainers(spec, image),
        ...agentContainers(spec, 'initContainers'),
      ],
      containers: agentContainers(spec, 'containers'),
      volumes: [...agentVolumes(spec), ...INJECTED_VOLUMES],
    },
  };
  const faults = restrictionFaults(injected);
  return faults.length === 0 ? { injected } : { faults, of: injected };
}

/** Net-init and the sidecar. */
function injectedContainers(spec: PodSpec, image: SidecarImage): Container[] {
  return [initContainer(inboundPorts(spec)), sidecarContainer()].map((container) =>
    completed(
      container,
      image,
      spec.initContainers?.find(({ name }) => name === container.name),
    ),
  );
}

/** `earlier`: what stood in this place when other admission plugins looked at an earlier injection. */
function completed(
  container: FixedContainer,
  { image, imagePullPolicy, resources }: SidecarImage,
  earlier: Container | undefined,
): Container {
  return {
    ...container,
    image,
    // The plugin AlwaysPullImages would refuse the pod if what it set were taken back. `Never` stays all the same: whoever
    // loads the image onto the nodes may not be the one who has its name in a registry.
    imagePullPolicy:
      imagePullPolicy !== 'Never' && earlier?.imagePullPolicy === 'Always'
        ? 'Always'
        : imagePullPolicy,
    resources: withDefaults(resources, earlier?.resources),
  };
}

const DEFAULTED_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * Keeps what the plugin LimitRanger filled in where the operator says nothing. Nobody can tell it from what the pod's author
 * wrote, who can make his own pod slower with it and nothing else: none of his containers runs before the sidecar.
 */
function withDefaults(resources: Resources, earlier: Resources = {}): Resources {
  const both = (member: 'limits' | 'requests'): Record<string, string> => ({
    ...Object.fromEntries(
      Object.entries(earlier[member] ?? {}).filter(([name]) => DEFAULTED_RESOURCES.includes(name)),
    ),
    ...resources[member],
  });
  return { limits: both('limits'), requests: both('requests') };
}

/** The agent's containers of a list: restricted, with the files and variables that their clients need. */
function agentContainers(spec: PodSpec, list: 'initContainers' | 'containers'): Container[] {
  const { securityContext = {}, volumes = [] } = spec;
  const gone = new Set(volumes.filter(isAutomountedToken).map(({ name }) => name));
  const all = spec[list] ?? [];
  const agents = list === 'containers' ? all : all.filter(({ name }) => !hasInjectedName(name));
  return agents.map((container) => {
    const { env = [], volumeMounts = [] } = container;
    const kept = volumeMounts.filter(({ name }) => name !== AGENT_MOUNT.name && !gone.has(name));
    return {
      ...restricted(container, securityContext),
      env: withClientVariables(env),
      volumeMounts: [...kept, AGENT_MOUNT],
    };
  });
}

function agentVolumes({ volumes = [] }: PodSpec): Volume[] {
  return volumes.filter((volume) => !isInjectedVolume(volume) && !isAutomountedToken(volume));
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

/**
 * The operator's Secrets come after those of the pod, or of its ServiceAccount, which stand in the pod by now. Each is named
 * once, in its first place.
 */
function pullSecrets(
  secrets: PodSpec['imagePullSecrets'] = [],
  added: readonly string[],
): Pick<PodSpec, 'imagePullSecrets'> {
  if (added.length === 0) return {};
  const all = [...secrets, ...added.map((name) => ({ name }))];
  const isFirst = ({ name }: { name?: string }, index: number): boolean =>
    all.findIndex((secret) => secret.name === name) === index;
  return { imagePullSecrets: all.filter(isFirst) };
}
