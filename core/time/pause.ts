import type { Clock } from './clock.ts';

/** Resolves after so long, or as soon as the signal fires. */
export function pause(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const timer = clock.after(milliseconds, finish);
    signal?.addEventListener('abort', finish, { once: true });
    function finish() {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    }
  });
}
