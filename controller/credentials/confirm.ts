/** Confirms a revocation instead of assuming it: asks until the credential is refused, then records when. */

import { BoundedMap } from '../../core/bounded-map.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { keyOf } from '../../core/kubernetes/object.ts';
import type { Secret } from '../../core/text/secret.ts';
import { jittered } from '../../core/time/backoff.ts';
import type { Clock } from '../../core/time/clock.ts';
import { pause } from '../../core/time/pause.ts';
import { Semaphore } from '../../process/semaphore.ts';
import type { GrantCache } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { revocationConfirmed } from '../grants/transitions.ts';
import { trySwap, whileConflicts } from '../grants/write-status.ts';
import type { ControllerMetrics } from '../record/metrics.ts';
import type { GrantRecorder } from '../record/recorder.ts';
import type { RejectionDependencies, VerificationDependencies } from './credential-type.ts';
import { isTokenOf, untilUseRejected } from './credentials.ts';

export interface ConfirmerOptions
  extends Omit<RejectionDependencies, 'questions'>,
    VerificationDependencies {
  client: KubernetesClient;
  cache: GrantCache;
  clock: Clock;
  metrics: ControllerMetrics;
  recorder: GrantRecorder;
  onError(message: string, fields: Record<string, unknown>): void;
  /** From [0, 1). Default Math.random. */
  random?: () => number;
}

export interface Confirmer {
  /** Keeps the token of a use that this replica handed over, until its confirmation. */
  remember(nonce: string, token: Secret): void;
  /** Starts confirming in the background; `token` is what the sidecar sent back, if it did. */
  confirm(grant: LiveGrant, nonce: string, token: Secret | undefined): void;
  /** Stops; what is not confirmed is left to the reconciler. */
  stop(): void;
}

/** From the revocation on. After this the reconciler records it as unconfirmed. */
export const CONFIRMATION_LIMIT_MILLISECONDS = 20_000;
/** Questions about credentials under way at once: confirming must not crowd out using. */
const MAX_QUESTIONS = 8;
/** Tokens remembered. Beyond, the oldest is forgotten and its confirmation rests on the sidecar's copy. */
const MAX_REMEMBERED = 10_000;
/** Tries to record a confirmation. */
const MAX_CONFLICTS = 5;
/** Before a write is repeated whose answer was lost, or that could not be sent; at most. */
const REWRITE_MILLISECONDS = 250;

/** Of the token of a use. */
interface Copies {
  /** That this replica handed over. */
  own: Secret | undefined;
  /** That the sidecar has sent back: it may be anything. */
  reported: Secret | undefined;
}

export function createConfirmer(options: ConfirmerOptions): Confirmer {
  const { client, cache, clock, metrics, recorder, onError, random = Math.random } = options;
  const remembered = new BoundedMap<string, Secret>(MAX_REMEMBERED);
  /** Uses whose tokens are being asked about. */
  const underWay = new Set<string>();
  const questions = new Semaphore(MAX_QUESTIONS);
  const stopping = new AbortController();

  const run = async (grant: LiveGrant, nonce: string, { own, reported }: Copies): Promise<void> => {
    const use = grant.status?.uses?.find(({ id }) => id === nonce);
    if (use?.credential?.deletedTime === undefined) return;
    // Our own copy first. Another token than that of the use would be refused for reasons of its own.
    const token =
      own ??
      (reported !== undefined && (await isTokenOf(options, grant, use, reported))
        ? reported
        : undefined);
    if (token === undefined) return;
    const rejectedAt = await untilUseRejected(
      { ...options, questions },
      { grant, use, token, isReported: own === undefined },
      CONFIRMATION_LIMIT_MILLISECONDS,
      stopping.signal,
    );
    if (rejectedAt === undefined || stopping.signal.aborted) return;
    const seconds = Math.max(0, rejectedAt - Date.parse(use.credential.deletedTime)) / 1000;
    metrics.useStage.observe({ stage: 'confirm' }, seconds);
    // What could not be written is not reported either: the reconciler will record it as unconfirmed.
    if (!(await record(grant, nonce, rejectedAt))) return;
    recorder.revoked(grant, 'Confirmed', { nonce, seconds });
  };

  /** @returns false if it could not be written */
  const record = async (grant: LiveGrant, nonce: string, rejectedAt: number): Promise<boolean> => {
    const { namespace, name, uid } = grant.metadata;
    const reference = { ...(namespace === undefined ? {} : { namespace }), name };
    const recorded = await whileConflicts(MAX_CONFLICTS, async (live) => {
      const current = live ? await client.get(actionGrants, reference) : cache.get(reference);
      // The grant is gone, and its record with it.
      if (current === undefined || current.metadata.uid !== uid) return true;
      try {
        const status = revocationConfirmed(current, nonce, rejectedAt, clock.now());
        return (await trySwap(options, current, status)) === 'Conflict' ? 'Conflict' : true;
      } catch (error) {
        if (!isKubernetesError(error, 'Ambiguous', 'Unavailable')) throw error;
        // The write may have been applied. Writing the same again changes nothing, so the grant is read as after a conflict.
        await pause(clock, jittered(REWRITE_MILLISECONDS, random));
        return 'Conflict';
      }
    });
    return recorded ?? false;
  };

  return {
    remember(nonce, token) {
      remembered.set(nonce, token);
    },
    confirm(grant, nonce, token) {
      const copies = { own: remembered.get(nonce), reported: token };
      remembered.delete(nonce);
      // A report can be repeated; the API server is asked once.
      const key = `${keyOf(grant.metadata)}/${nonce}`;
      if (copies.own === undefined && token === undefined) return;
      if (stopping.signal.aborted || underWay.has(key)) return;
      underWay.add(key);
      void run(grant, nonce, copies)
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
      stopping.abort();
    },
  };
}
