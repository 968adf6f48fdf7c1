/**
 * The sidecar's way of a call (intercept, describe, forward) with an exchange that always says yes, in a process of its own:
 * what is left is the price of looking at every byte. Told where the origin is by its parent; ends with it.
 */

import { type HarnessOptions, startAlwaysGranted } from './always-granted.ts';

process.once('message', (options: HarnessOptions) => {
  startAlwaysGranted(options).then(
    (ready) => process.send?.(ready),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));
