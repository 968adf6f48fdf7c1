/**
 * How much of manifests goes into the log: an approver copies them from there. A manifest can be as large as a body, and an agent can
 * be refused thousands of times a second.
 */

import type { Clock } from '../core/time/clock.ts';

/** The container runtimes split longer lines (CRI), and nobody could copy from them. */
const MAX_CHARACTERS = 12 * 1024;
/** The log of a container is rotated at 10 MiB by default: this leaves the last half hour or more of it readable. */
const CHARACTERS_PER_SECOND = 4 * 1024;
const BURST_CHARACTERS = 256 * 1024;

export interface ManifestAllowance {
  /** The fields of a log line that tell of this manifest. */
  take(manifest: string | undefined): { manifest?: string; manifestLeftOut?: string };
}

export function createManifestAllowance(clock: Clock): ManifestAllowance {
  let left = BURST_CHARACTERS;
  let at = clock.monotonic();
  return {
    take(manifest) {
      if (manifest === undefined) return {};
      if (manifest.length > MAX_CHARACTERS) {
        return {
          manifestLeftOut: 'it is longer than a line of a log; the answer to the agent has it',
        };
      }
      const now = clock.monotonic();
      left = Math.min(BURST_CHARACTERS, left + ((now - at) / 1_000) * CHARACTERS_PER_SECOND);
      at = now;
      if (manifest.length > left) {
        return { manifestLeftOut: 'too many calls are refused; the answer to the agent has it' };
      }
      left -= manifest.length;
      return { manifest };
    },
  };
}
