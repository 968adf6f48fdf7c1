/** What a pod-bound ServiceAccount token of our audience says, once the cluster's keys have verified it. */

import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { Clock } from '../../core/time/clock.ts';
import { type ClusterKeys, SIGNATURE_ALGORITHMS } from '../cluster-keys.ts';
import type { Caller } from '../use/caller.ts';

const CLOCK_TOLERANCE_SECONDS = 30;

/** The token of an `Authorization` header. @throws ProblemError Unauthenticated */
export function bearerToken(authorization: string | undefined): string {
  const token = /^Bearer ([A-Za-z0-9_.-]+)$/.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw unauthenticated('The request has no bearer token; send the pod-bound token.');
  }
  return token;
}

/**
 * Whose token it is, and until when (wall clock, ms).
 * @throws ProblemError Unauthenticated
 */
export async function verifyPodToken(
  token: string,
  keys: ClusterKeys,
  clock: Clock,
): Promise<{ caller: Caller; expiresAt: number }> {
  const payload = await verify(token, keys, clock);
  return { caller: callerOf(payload), expiresAt: (payload.exp ?? 0) * 1000 };
}

async function verify(
  token: string,
  { resolve, issuer }: ClusterKeys,
  clock: Clock,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, resolve, {
      issuer,
      audience: EXCHANGE_AUDIENCE,
      algorithms: SIGNATURE_ALGORITHMS,
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

/** Which key the token says it is signed with. @throws ProblemError Unauthenticated if it is no JWT */
export function keyID(token: string): string | undefined {
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
