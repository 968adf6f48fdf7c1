/** When a credential that was lent may be forgotten, so that answers need not be scanned for it any more. */

import type { Clock } from '../core/time/clock.ts';
import type { LentCredential } from './credential/lent-credential.ts';

/** The API server's success cache: a token is accepted for so long after its Secret is gone (SECURITY.md, L6). */
export const ACCEPTED_AFTER_MILLISECONDS = 10_000;

/**
 * Forgets it once nobody accepts it any more: 10 s after the controller has heard of its end, or, if it never did, when the
 * credential expires by itself.
 * @param completed whether the controller has taken the completion of its use
 */
export async function forgetSecret(
  clock: Clock,
  { expires }: Pick<LentCredential, 'expires'>,
  completed: Promise<boolean>,
  forget: () => void,
): Promise<void> {
  const left = (await completed) ? 0 : Math.max(0, expires - clock.now());
  clock.after(left + ACCEPTED_AFTER_MILLISECONDS, forget);
}
