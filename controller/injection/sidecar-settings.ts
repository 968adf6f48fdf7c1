import type { LogLevel } from '../../process/log.ts';
import type { SidecarImage } from './injected-containers.ts';
import type { ResourceBounds } from './sidecar-resources.ts';

/** What the operator chooses for every sidecar. */
export interface SidecarSettings extends SidecarImage {
  /** What a namespace may ask for with SIDECAR_RESOURCES_ANNOTATION. */
  resourceBounds: ResourceBounds;
  inertHeaders: string[];
  /** Where names may lead to private addresses, as the chart has it. */
  privateDestinations: string[];
  /** File with PEM of CAs that sidecars trust upstream; read again when it changes. */
  trustBundleFile: string | undefined;
  logLevel: LogLevel;
}
