/**
 * Finds out who calls. The caller's token must be bound to a pod and of our audience; it is verified against the cluster's own
 * keys before anything else is done for the caller. Its pod must be there with the same UID and, where pods are injected, be as
 * injected. These are two steps, because how often a pod may ask is decided between them: the token of a pod that is gone must
 * not cost live look-ups.
 */

import { ProblemError } from '../../core/api/problem.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Live } from '../../core/kubernetes/object.ts';
import { sha256Hex } from '../../core/text/sha256.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { AgentPod } from '../caches/projections.ts';
import type { ClusterKeySource, ClusterKeys } from '../cluster-keys.ts';
import type { Caller } from '../use/caller.ts';
import { bearerToken, keyID, verifyPodToken } from './pod-token.ts';

export interface AuthenticatorOptions {
  keysFor: ClusterKeySource;
  clock: Clock;
  /**
   * The pod from the cache, or live if the cache has not seen this UID; undefined if there is none of this name.
   * @throws ProblemError NotReady, KubernetesUnavailable
   */
  findPod(namespace: string, name: string, uid: string): Promise<Live<AgentPod> | undefined>;
  /** Why this pod is not as injected, where it must be; undefined: it is, or need not be. */
  injectionFault(pod: Live<AgentPod>): string | undefined;
}

export interface Authenticator {
  /** Whose token it is. No pod is looked up. @throws ProblemError Unauthenticated, KubernetesUnavailable */
  identify(authorization: string | undefined): Promise<Caller>;
  /** Resolves if the pod may call now. @throws ProblemError PodUnknown, PodNotInjected, NotReady, KubernetesUnavailable */
  admit(caller: Caller): Promise<void>;
}

/** Verified tokens remembered, the latest ones. A sidecar sends the same token with every call for about an hour. */
const MAX_VERIFIED = 10_000;

interface Verified {
  caller: Caller;
  /** Wall clock, ms. */
  expiresAt: number;
}

export function createAuthenticator({
  keysFor,
  clock,
  findPod,
  injectionFault,
}: AuthenticatorOptions): Authenticator {
  /** What tokens said that these keys verified, by SHA-256 of the token. Goes when the keys go. */
  const verified = new WeakMap<ClusterKeys, BoundedMap<string, Verified>>();

  const callerWith = async (token: string, keys: ClusterKeys): Promise<Caller> => {
    const tokens = verified.get(keys) ?? new BoundedMap<string, Verified>(MAX_VERIFIED);
    verified.set(keys, tokens);
    const digest = sha256Hex(token);
    const known = tokens.get(digest);
    if (known !== undefined && clock.now() < known.expiresAt) return known.caller;
    const answer = await verifyPodToken(token, keys, clock);
    tokens.set(digest, answer);
    return answer.caller;
  };

  return {
    async identify(authorization) {
      const token = bearerToken(authorization);
      return callerWith(token, await keysFor(keyID(token)));
    },
    async admit(caller) {
      const pod = await findPod(caller.namespace, caller.podName, caller.podUID);
      if (
        pod === undefined ||
        pod.metadata.uid !== caller.podUID ||
        pod.serviceAccountName !== caller.serviceAccountName ||
        pod.status?.phase === 'Succeeded' ||
        pod.status?.phase === 'Failed'
      ) {
        throw new ProblemError(
          'PodUnknown',
          `Pod ${caller.namespace}/${caller.podName} with the UID in the token is not running.`,
        );
      }
      const fault = injectionFault(pod);
      if (fault !== undefined) {
        throw new ProblemError(
          'PodNotInjected',
          `Pod ${caller.namespace}/${caller.podName} is not as it would be injected: ${fault}. Delete it, so that it is created again.`,
        );
      }
    },
  };
}
