/** Makes an agent pod of an ordinary one, or says why it cannot. Pure, and idempotent. */

import {
  type Container,
  type InjectablePod,
  isNamedAsOurs,
  type PodSpec,
  type Resources,
  type Volume,
} from '../pods/pod.ts';
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
} from './injected-containers.ts';
import { restricted } from './restrict.ts';
import { restrictionFaults } from './restrictions.ts';
import type { PodFault } from './rule.ts';

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
      ...pullSecrets(spec.imagePullSecrets, image.imagePullSecrets),
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
    // Otherwise what the plugin AlwaysPullImages sets would be taken back, and it would refuse the pod. But not over `Never`:
    // whoever loads the image onto the nodes may not be the one who has its name in a registry.
    imagePullPolicy:
      imagePullPolicy !== 'Never' && before?.imagePullPolicy === 'Always'
        ? 'Always'
        : imagePullPolicy,
    resources: withDefaults(resources, before?.resources),
  };
}

/** Behind the pod's own, or its ServiceAccount's, which stand there by now; what is there already stays where it is. */
function pullSecrets(
  theirs: PodSpec['imagePullSecrets'] = [],
  ours: readonly string[],
): Pick<PodSpec, 'imagePullSecrets'> {
  if (ours.length === 0) return {};
  const all = [...theirs, ...ours.map((name) => ({ name }))];
  const isFirst = ({ name }: { name?: string }, index: number): boolean =>
    all.findIndex((secret) => secret.name === name) === index;
  return { imagePullSecrets: all.filter(isFirst) };
}

const DEFAULTED_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * Likewise for what the plugin LimitRanger fills in where we say nothing: nobody can tell it from what the pod's author wrote,
 * who can make his own pod slower with it and nothing else. Nothing of his runs before ours.
 */
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
