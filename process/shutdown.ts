/** Orderly end of a process: on SIGTERM or SIGINT the steps run in order, once, within a bound. */

import type { Logger } from './log.ts';

export interface ShutdownOptions {
  /** Run one after another; an error in one is logged and does not stop the others. */
  steps: ReadonlyArray<{ name: string; run: () => Promise<void> | void }>;
  /** After this the process ends anyway. */
  timeoutMilliseconds: number;
  log: Logger;
  exit(code: number): void;
}

/** Installs the signal handlers and returns the same shutdown for other reasons to end. */
export function onShutdown(options: ShutdownOptions): (reason: string, code?: number) => void {
  const { steps, timeoutMilliseconds, log, exit } = options;
  let started = false;

  const shutdown = (reason: string, code = 0): void => {
    if (started) return;
    started = true;
    log.info('the process is shutting down', { reason });
    const overdue = setTimeout(() => {
      log.error('the shutdown took too long', { timeoutMilliseconds });
      exit(1);
    }, timeoutMilliseconds);
    void (async () => {
      for (const step of steps) {
        try {
          await step.run();
        } catch (error) {
          log.error('a shutdown step failed', { step: step.name, error });
        }
      }
      clearTimeout(overdue);
      exit(code);
    })();
  };

  process.on('SIGTERM', () => shutdown('SIGTERM'));
  process.on('SIGINT', () => shutdown('SIGINT'));
  return shutdown;
}
