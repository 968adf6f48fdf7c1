/**
 * Confirms a revocation instead of assuming it: asks the API server until it refuses the token, then records when.
 *
 * The API server caches a successful authentication for 10 s from its first use, and nothing shortens that. So a token that
 * is still accepted right after the deletion can be refused at the earliest 10 s after the use began: asking before that
 * would only be load.
 */

import { decodeJwt } from 'jose';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { keyOf } from '../../core/kubernetes/object.ts';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import { pause } from '../../core/time/pause.ts';
import type { GrantCache } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { revocationConfirmed } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { ControllerMetrics } from '../record/metrics.ts';
import type { Reporter } from '../record/recorder.ts';
import type { MintedCredential } from './mint.ts';

export interface ConfirmerOptions {
  client: KubernetesClient;
  cache: GrantCache;
  clock: Clock;
  metrics: ControllerMetrics;
  reporter: Reporter;
  /** Whether more than one API server answers for this cluster: each has a cache of its own. */
  severalServers(): Promise<boolean>;
  onError(message: string, fields: Record<string, unknown>): void;
}

export interface Confirmer {
  /** Keeps the token of a use that this replica handed over, until its confirmation. */
  remember(nonce: string, credential: MintedCredential): void;
  /** Starts confirming in the background; `token` is what the sidecar sent back, if it did. */
  confirm(grant: LiveGrant, nonce: string, token: Secret | undefined): void;
  /** Stops; what is not confirmed is left to the reconciler. */
  stop(): void;
}

/** The API server's success cache (k8s.io/apiserver, webhook and token cache TTL). */
export const SUCCESS_CACHE_MILLISECONDS = 10_000;
/** After this the reconciler records the revocation as unconfirmed. */
export const CONFIRMATION_LIMIT_MILLISECONDS = 20_000;
const POLL_MILLISECONDS = 250;
/**
 * The API server looks for a Secret in a cache of its own first (k8s.io/kubernetes, serviceaccount/tokengetter.go). Asked before
 * that has heard of the deletion, it would accept a token that nobody used, and then remember it for the whole 10 s.
 */
const SETTLE_MILLISECONDS = 250;
/** TokenReviews under way at once: confirming must not crowd out using. */
const MAX_REVIEWS = 8;
/** Tokens remembered. Beyond, the oldest is forgotten and its confirmation rests on the sidecar's copy. */
const MAX_REMEMBERED = 10_000;
const MAX_CONFLICTS = 5;

export function createConfirmer(options: ConfirmerOptions): Confirmer {
  const { client, cache, clock, metrics, reporter, severalServers, onError } = options;
  const remembered = new BoundedMap<string, Secret>(MAX_REMEMBERED);
  /** Uses whose tokens are being asked about. */
  const underWay = new Set<string>();
  const waiting: (() => void)[] = [];
  let reviews = 0;
  let stopped = false;

  const refused = async (token: Secret, audience: string | undefined): Promise<boolean> => {
    if (reviews >= MAX_REVIEWS) await new Promise<void>((resolve) => waiting.push(resolve));
    reviews++;
    try {
      const review = await client.tokenReview({
        token: token.reveal(),
        // The cache key has the audiences: without them the answer is the one that API requests get.
        ...(audience === undefined ? {} : { audiences: [audience] }),
      });
      return review.authenticated !== true;
    } finally {
      reviews--;
      waiting.shift()?.();
    }
  };

  const run = async (grant: LiveGrant, nonce: string, token: Secret): Promise<void> => {
    const use = grant.status?.uses?.find(({ id }) => id === nonce);
    if (use?.credential?.deletedTime === undefined) return;
    const deletedAt = Date.parse(use.credential.deletedTime);
    const startedAt = Date.parse(use.startTime);
    const audience = grant.spec.credential?.serviceAccountToken?.audience;
    // One refusal says nothing of other servers' caches: with several, wait out what any of them can hold.
    const held = (await severalServers()) ? SUCCESS_CACHE_MILLISECONDS : 0;
    const early = deletedAt + held + SETTLE_MILLISECONDS - clock.now();
    if (early > 0) await pause(clock, early);
    for (let round = 0; !stopped; round++) {
      if (clock.now() > deletedAt + CONFIRMATION_LIMIT_MILLISECONDS) return;
      if (await refused(token, audience).catch(() => false)) break;
      const earliest = startedAt + SUCCESS_CACHE_MILLISECONDS - clock.now();
      await pause(clock, round === 0 ? Math.max(earliest, POLL_MILLISECONDS) : POLL_MILLISECONDS);
    }
    if (stopped) return;
    const rejectedAt = clock.now();
    const seconds = Math.max(0, rejectedAt - deletedAt) / 1000;
    metrics.useStage.observe({ stage: 'confirm' }, seconds);
    // What could not be written is not reported either: the reconciler will record it as unconfirmed.
    if (!(await record(grant, nonce, rejectedAt))) return;
    reporter.revoked(grant, 'Confirmed', { nonce, seconds });
  };

  /** @returns false if it could not be written */
  const record = async (grant: LiveGrant, nonce: string, rejectedAt: number): Promise<boolean> => {
    const { namespace, name, uid } = grant.metadata;
    const reference = { ...(namespace === undefined ? {} : { namespace }), name };
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const current =
        conflicts === 0 ? cache.get(reference) : await client.get(actionGrants, reference);
      if (current === undefined || current.metadata.uid !== uid) return true;
      try {
        const status = revocationConfirmed(current, nonce, rejectedAt, clock.now());
        cache.observe(await writeStatus(client, current, status));
        return true;
      } catch (error) {
        if (!isKubernetesError(error, 'Conflict', 'Ambiguous', 'Unavailable')) throw error;
        if (error.kind !== 'Conflict') await pause(clock, POLL_MILLISECONDS);
      }
    }
    return false;
  };

  return {
    remember(nonce, credential) {
      remembered.set(nonce, credential.token);
    },
    confirm(grant, nonce, token) {
      // Our own copy first: what a sidecar sends may be anything.
      const known = remembered.get(nonce) ?? matching(grant, nonce, token);
      remembered.delete(nonce);
      // A report can be repeated; asking is done once.
      const key = `${keyOf(grant.metadata)}/${nonce}`;
      if (known === undefined || stopped || underWay.has(key)) return;
      underWay.add(key);
      void run(grant, nonce, known)
        .catch((error: unknown) => {
          if (isKubernetesError(error, 'NotFound')) return;
          onError('a revocation could not be confirmed', {
            namespace: grant.metadata.namespace,
            grant: grant.metadata.name,
            nonce,
            error,
          });
        })
        .finally(() => underWay.delete(key));
    },
    stop() {
      stopped = true;
    },
  };
}

/** What the sidecar sent, if it is the token that the use names: another one would be refused for reasons of its own. */
function matching(grant: LiveGrant, nonce: string, token: Secret | undefined): Secret | undefined {
  const id = grant.status?.uses?.find((use) => use.id === nonce)?.credential?.id;
  try {
    return token !== undefined && id !== undefined && decodeJwt(token.reveal()).jti === id
      ? token
      : undefined;
  } catch {
    return undefined;
  }
}
