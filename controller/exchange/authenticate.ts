/**
 * Who calls: a pod-bound ServiceAccount token of our audience, verified against the cluster's own keys before anything else
 * is done for the caller, then the pod, which must be there with the same UID and, where pods are injected, as injected.
 */

import {
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Live } from '../../core/kubernetes/object.ts';
import { sha256Hex } from '../../core/text/sha256.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { AgentPod } from '../caches/projections.ts';
import type { Caller } from '../use/caller.ts';
import type { RateLimiter } from './rate-limit.ts';

export interface AuthenticatorOptions {
  client: Pick<KubernetesClient, 'raw'>;
  clock: Clock;
  /** Asked as soon as it is known whose token it is: the token of a pod that is gone must not cost live look-ups. */
  rateLimiter: RateLimiter;
  /**
   * The pod from the cache, or live if the cache has not seen this UID; undefined if there is none of this name.
   * @throws ProblemError NotReady, KubernetesUnavailable
   */
  findPod(namespace: string, name: string, uid: string): Promise<Live<AgentPod> | undefined>;
  /** What makes this pod no injected one where it must be; undefined: nothing does. */
  injectionFault(pod: Live<AgentPod>): string | undefined;
}

export interface Authenticator {
  /** @throws ProblemError Unauthenticated, TooManyRequests, PodUnknown, PodNotInjected, NotReady, KubernetesUnavailable */
  authenticate(authorization: string | undefined): Promise<Caller>;
}

/** An unknown key is looked up at most this often: it may be a rotation, or somebody making us busy. */
const KEY_REFRESH_INTERVAL_MILLISECONDS = 10_000;
/** Keys that were taken out of the cluster's set stop being accepted after at most this. */
const KEY_LIFETIME_MILLISECONDS = 5 * 60_000;
/** Verified tokens remembered, the latest ones. A sidecar sends the same token with every call for about an hour. */
const MAX_VERIFIED = 10_000;
const CLOCK_TOLERANCE_SECONDS = 30;
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

interface Keys {
  issuer: string;
  fetchedAt: number;
  resolve: ReturnType<typeof createLocalJWKSet>;
  ids: ReadonlySet<string>;
  /** What tokens said that were verified with these keys, by SHA-256 of the token. Goes when the keys go. */
  verified: BoundedMap<string, Verified>;
}

interface Verified {
  caller: Caller;
  /** Wall clock, ms. */
  expiresAt: number;
}

export function createAuthenticator({
  client,
  clock,
  rateLimiter,
  findPod,
  injectionFault,
}: AuthenticatorOptions): Authenticator {
  let keys: Keys | undefined;
  let fetching: Promise<Keys> | undefined;

  const fetchKeys = async (): Promise<Keys> => {
    const [configuration, jwks] = await Promise.all([
      client.raw('/.well-known/openid-configuration'),
      client.raw('/openid/v1/jwks'),
    ]);
    const set = jwks as JSONWebKeySet;
    return {
      issuer: (configuration as { issuer: string }).issuer,
      fetchedAt: clock.monotonic(),
      resolve: createLocalJWKSet(set),
      ids: new Set(set.keys.flatMap((key) => (key.kid === undefined ? [] : [key.kid]))),
      verified: new BoundedMap(MAX_VERIFIED),
    };
  };

  const keysFor = async (kid: string | undefined): Promise<Keys> => {
    const age = keys === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - keys.fetchedAt;
    const known = keys !== undefined && kid !== undefined && keys.ids.has(kid);
    if (
      keys !== undefined &&
      (known ? age < KEY_LIFETIME_MILLISECONDS : age < KEY_REFRESH_INTERVAL_MILLISECONDS)
    ) {
      return keys;
    }
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined;
    });
    try {
      keys = await fetching;
      return keys;
    } catch (error) {
      throw new ProblemError(
        'KubernetesUnavailable',
        "The cluster's token keys cannot be read now.",
        { cause: error },
      );
    }
  };

  const callerWith = async (token: string, current: Keys): Promise<Caller> => {
    const { issuer, resolve, verified } = current;
    const digest = sha256Hex(token);
    const known = verified.get(digest);
    if (known !== undefined && clock.now() < known.expiresAt) return known.caller;
    const payload = await verify(token, resolve, issuer, clock);
    const caller = callerOf(payload);
    verified.set(digest, { caller, expiresAt: (payload.exp ?? 0) * 1000 });
    return caller;
  };

  return {
    async authenticate(authorization) {
      const token = /^Bearer ([A-Za-z0-9_.-]+)$/.exec(authorization ?? '')?.[1];
      if (token === undefined) {
        throw unauthenticated('The request has no bearer token; send the pod-bound token.');
      }
      const caller = await callerWith(token, await keysFor(keyID(token)));
      rateLimiter.take(caller.podUID);
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
      return caller;
    },
  };
}

async function verify(
  token: string,
  keys: ReturnType<typeof createLocalJWKSet>,
  issuer: string,
  clock: Clock,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: EXCHANGE_AUDIENCE,
      algorithms: ALGORITHMS,
      requiredClaims: ['exp', 'kubernetes.io'],
      // For nbf alone: the API server that has just signed the token may have a clock ahead of ours.
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(clock.now()),
    });
    if (payload.exp !== undefined && payload.exp * 1000 <= clock.now()) {
      throw unauthenticated('The token has expired.');
    }
    return payload;
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    if (error instanceof errors.JWTExpired) throw unauthenticated('The token has expired.');
    if (error instanceof errors.JWTClaimValidationFailed) {
      throw unauthenticated(`The token's claim ${error.claim} is not acceptable.`);
    }
    throw unauthenticated('The token is not one of this cluster.', error);
  }
}

function keyID(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch (error) {
    throw unauthenticated('The bearer token is not a JWT.', error);
  }
}

/** The claims that the API server puts into a token bound to a Pod (KEP-1205). */
function callerOf(payload: JWTPayload): Caller {
  const claims = payload['kubernetes.io'] as {
    namespace?: unknown;
    serviceaccount?: { name?: unknown };
    pod?: { name?: unknown; uid?: unknown };
  } | null;
  const namespace = claims?.namespace;
  const serviceAccountName = claims?.serviceaccount?.name;
  const podName = claims?.pod?.name;
  const podUID = claims?.pod?.uid;
  if (
    typeof namespace !== 'string' ||
    typeof serviceAccountName !== 'string' ||
    typeof podName !== 'string' ||
    typeof podUID !== 'string'
  ) {
    throw unauthenticated('The token is not bound to a Pod.');
  }
  return { namespace, serviceAccountName, podName, podUID };
}

function unauthenticated(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('Unauthenticated', detail, cause === undefined ? {} : { cause });
}
