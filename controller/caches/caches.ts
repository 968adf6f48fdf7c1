/** The local copies of what the API server has: grants, the pods of agents, and namespaces. */

import type { ActionGrant, Use } from '../../core/api/generated/actiongrant.ts';
import { agentNamespace } from '../../core/api/grant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Live, ObjectReference } from '../../core/kubernetes/object.ts';
import {
  createReflector,
  type Reflector,
  type ReflectorReport,
} from '../../core/kubernetes/reflector.ts';
import { namespaces } from '../../core/kubernetes/resources.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { LogFields, Logger } from '../../process/log.ts';
import { createSpacedReads } from '../../process/spaced-reads.ts';
import { grantsInUseBy, indexGrants } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { unavailable } from '../kubernetes-unavailable.ts';
import type { Pod } from '../pods/pod.ts';
import { podHasEnded, pods } from '../pods/resource.ts';
import { type AgentPod, keepGrant, keepNamespace, keepPod } from './projections.ts';

export interface CachesOptions {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  agentNamespaces: readonly string[];
  /** A grant is new, has changed, or the pod that uses it is gone. */
  onGrant(grant: LiveGrant): void;
  onGrantDeleted(lastKnown: LiveGrant): void;
}

export interface Caches {
  readonly grants: Reflector<ActionGrant>;
  /**
   * The pod from the cache, or live if the cache has not seen this one.
   * @throws ProblemError NotReady if the pods of its namespace cannot be read now, KubernetesUnavailable
   */
  findPod(namespace: string, name: string, uid: string): Promise<Live<AgentPod> | undefined>;
  /** Whether the cache says so; it may lag behind. */
  podIsGone(grant: LiveGrant, use: Use): boolean;
  /** Of a namespace; undefined if it is not known. */
  annotationsOf(namespace: string): Readonly<Record<string, string>> | undefined;
  /** Of a namespace; undefined if it is not known, and empty if it has none. */
  labelsOf(namespace: string): Readonly<Record<string, string>> | undefined;
  /**
   * Names of the caches without which nothing may be decided now; empty: all are current. The pods of one namespace are among
   * them only right after the start: if a namespace goes, or our rights in it do, only its agents stop.
   */
  notCurrent(): string[];
  /** When each resource's cache was last known to be current, seconds since the epoch; the oldest of its caches. */
  lastSync(): ReadonlyMap<string, number>;
  start(): void;
  /** Of grants and namespaces. @throws when the signal fires before */
  waitForSync(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Bookmarks come about once a minute, and a reflector whose watch is silent tries another way to the API server before this. A
 * cache that is older has lost the API server: a deleted pod or a withdrawn consent would still count, so nothing is decided on it.
 */
const STALE_MILLISECONDS = 90_000;
/** A replica that starts waits for the pods of every namespace before it takes calls, but no longer than this. */
const FIRST_PODS_MILLISECONDS = 30_000;

/** Pods that are read live at a time: tokens of pods that are gone must not keep the API server busy. */
const PODS_AT_ONCE = 3;

/** What is the same for a cache of any resource. */
interface Cache {
  resource: string;
  namespace?: string;
  reflector: Pick<Reflector<never>, 'start' | 'stop' | 'hasSynced' | 'waitForSync' | 'lastSync'>;
}

export function createCaches(options: CachesOptions): Caches {
  const { client, clock, log, agentNamespaces, onGrant, onGrantDeleted } = options;
  const grants = createReflector({
    client,
    resource: actionGrants,
    keep: keepGrant,
    clock,
    handlers: {
      onAdd: onGrant,
      onUpdate: (_previous, current) => onGrant(current),
      onDelete: onGrantDeleted,
    },
    report: reportTo(log, { resource: 'actiongrants' }),
  });
  indexGrants(grants);
  /** Namespaces whose pods we may not read, or that are gone. */
  const refused = new Set<string>();
  const podsOf = new Map<string, Reflector<Pod, AgentPod>>(
    agentNamespaces.map((namespace) => [
      namespace,
      createReflector({
        client,
        resource: pods,
        keep: keepPod,
        clock,
        namespace,
        handlers: {
          onDelete(pod) {
            for (const grant of grantsInUseBy(grants, pod.metadata.uid)) onGrant(grant);
          },
        },
        report(report) {
          if (report.type === 'Listed') refused.delete(namespace);
          else if ('error' in report && isKubernetesError(report.error, 'Forbidden', 'NotFound')) {
            refused.add(namespace);
          }
          reportTo(log, { resource: 'pods', namespace })(report);
        },
      }),
    ]),
  );
  const allNamespaces = createReflector({
    client,
    resource: namespaces,
    keep: keepNamespace,
    clock,
    report: reportTo(log, { resource: 'namespaces' }),
  });
  const shared: readonly Cache[] = [
    { resource: 'actiongrants', reflector: grants },
    { resource: 'namespaces', reflector: allNamespaces },
  ];
  const ofPods = [...podsOf].map(([namespace, reflector]) => ({
    resource: 'pods',
    namespace,
    reflector,
  }));
  const caches: readonly Cache[] = [...shared, ...ofPods];
  let startedAt = 0;
  /** A pod that the cache does not have. Undefined: the API server does not have it either. */
  const missing = createSpacedReads({
    clock,
    atOnce: PODS_AT_ONCE,
    async read({ reflector, ...pod }: { reflector: Reflector<Pod, AgentPod> } & ObjectReference) {
      try {
        const live = await client.get(pods, pod);
        reflector.observe(live);
        return keepPod(live);
      } catch (error) {
        if (isKubernetesError(error, 'NotFound')) return undefined;
        throw unavailable(error);
      }
    },
  });
  const isCurrent = (reflector: Cache['reflector']): boolean =>
    reflector.hasSynced() && clock.now() - reflector.lastSync() < STALE_MILLISECONDS;
  /** Before their first list, unless that is refused or takes too long. */
  const awaited = (): readonly Cache[] =>
    clock.monotonic() - startedAt < FIRST_PODS_MILLISECONDS
      ? ofPods.filter(
          ({ namespace, reflector }) => !reflector.hasSynced() && !refused.has(namespace),
        )
      : [];

  return {
    grants,
    async findPod(namespace, name, uid) {
      const reflector = podsOf.get(namespace);
      if (reflector === undefined) return undefined;
      if (!isCurrent(reflector)) {
        throw new ProblemError(
          'NotReady',
          `This controller replica cannot read the pods of the namespace ${namespace} now; try again. If it stays so, its log says why.`,
        );
      }
      const cached = reflector.get({ namespace, name });
      if (cached?.metadata.uid === uid) return cached;
      // A pod's first call can be faster than the watch, also if the pod was made again under its name.
      return missing.read(`${namespace}/${name}/${uid}`, { reflector, namespace, name });
    },
    podIsGone(grant, use) {
      const namespace = agentNamespace(grant);
      const reflector = podsOf.get(namespace);
      if (reflector === undefined || !reflector.hasSynced()) return false;
      return podHasEnded(reflector.get({ namespace, name: use.podName }), use.podUID);
    },
    annotationsOf: (name) => allNamespaces.get({ name })?.metadata.annotations,
    labelsOf(name) {
      const namespace = allNamespaces.get({ name });
      return namespace === undefined ? undefined : (namespace.metadata.labels ?? {});
    },
    notCurrent: () =>
      [...shared.filter(({ reflector }) => !isCurrent(reflector)), ...awaited()].map(
        ({ resource, namespace }) => [resource, ...(namespace ? [namespace] : [])].join('/'),
      ),
    lastSync() {
      const times = new Map<string, number>();
      for (const { resource, reflector } of caches) {
        const at = reflector.lastSync() / 1000;
        times.set(resource, Math.min(at, times.get(resource) ?? at));
      }
      return times;
    },
    start() {
      startedAt = clock.monotonic();
      for (const { reflector } of caches) reflector.start();
    },
    async waitForSync(signal) {
      await Promise.all(shared.map(({ reflector }) => reflector.waitForSync(signal)));
    },
    async stop() {
      await Promise.all(caches.map(({ reflector }) => reflector.stop()));
    },
  };
}

function reportTo(log: Logger, fields: LogFields): (report: ReflectorReport) => void {
  return (report) => {
    const all = { ...fields, ...report };
    if (report.type === 'Listed') log.debug('a cache was listed', all);
    else if (report.type === 'WatchSilent') log.warn('a watch fell silent and is opened anew', all);
    else log.warn('a cache met an error and goes on', all);
  };
}
