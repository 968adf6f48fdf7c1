import type { LogLevel } from '../../process/log.ts';
import type { SidecarImage } from './injected-containers.ts';

/** What the operator chooses for every sidecar. */
export interface SidecarSettings extends SidecarImage {
  inertHeaders: string[];
  /** File with PEM of CAs that sidecars trust upstream; read again when it changes. */
  trustBundleFile: string | undefined;
  logLevel: LogLevel;
}
