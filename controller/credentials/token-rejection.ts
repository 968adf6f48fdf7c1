/**
 * Asks the API server about a token until it is refused.
 *
 * The API server caches a successful authentication for 10 s from its first use, and nothing shortens that. So a token that
 * is still accepted right after the deletion can be refused at the earliest 10 s after the use began. To ask earlier would
 * only load the API server.
 */

import { pause } from '../../core/time/pause.ts';
import type { RejectionDependencies, RevokedCredential } from './credential-type.ts';
import { hasAnotherText } from './minted-token.ts';

/** The API server's success cache (k8s.io/apiserver, webhook and token cache TTL). */
export const SUCCESS_CACHE_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 250;
/**
 * The API server looks for a Secret in a cache of its own first (k8s.io/kubernetes, serviceaccount/tokengetter.go). If it is
 * asked before that cache has heard of the deletion, it accepts a token that nobody used, and remembers it for the whole 10 s.
 */
const SETTLE_MILLISECONDS = 250;

/** @returns the wall clock, ms, of the refusal; undefined if it did not come in time, or the signal fired */
export async function untilRejected(
  dependencies: RejectionDependencies,
  credential: RevokedCredential,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { clock, severalServers } = dependencies;
  const { usedFrom, revokedAt, askUntil, token, isReported } = credential;
  // One refusal says nothing of other servers' caches, nor of another text of the token: wait out what any of them can hold.
  const isElsewhere = (await severalServers()) || (isReported && hasAnotherText(token));
  const held = isElsewhere ? SUCCESS_CACHE_MILLISECONDS : 0;
  const early = revokedAt + held + SETTLE_MILLISECONDS - clock.now();
  if (early > 0) await pause(clock, early, signal);
  for (let round = 0; !signal.aborted && clock.now() <= askUntil; round++) {
    if (await isRefused(dependencies, credential, signal).catch(() => false)) return clock.now();
    const earliest = usedFrom + SUCCESS_CACHE_MILLISECONDS - clock.now();
    const wait = round === 0 ? Math.max(earliest, POLL_MILLISECONDS) : POLL_MILLISECONDS;
    await pause(clock, wait, signal);
  }
  return undefined;
}

async function isRefused(
  { client, questions }: RejectionDependencies,
  { grant, token }: RevokedCredential,
  signal: AbortSignal,
): Promise<boolean> {
  const audience = grant.spec.credential?.serviceAccountToken?.audience;
  const release = await questions.acquire(signal);
  try {
    const review = await client.tokenReview({
      token: token.reveal(),
      // The cache key has the audiences: without them the answer is the one that API requests get.
      ...(audience === undefined ? {} : { audiences: [audience] }),
    });
    return review.authenticated !== true;
  } finally {
    release();
  }
}
