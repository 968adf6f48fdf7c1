/** A sidecar inside the test's own process, from the sources. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { startSidecar } from '../../sidecar/sidecar.ts';
import type { ControlPlane } from './control-plane.ts';
import type { PodToken } from './kubelet.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface LocalSidecarOptions {
  pod: PodToken;
  /** Base URLs of the exchange, in the order in which they are tried. */
  exchangeURLs: readonly string[];
  /** File with the PEM that verifies them. */
  exchangeCAFile: string;
  /** `host:port` → `127.0.0.1:port`. */
  connectTo: ReadonlyMap<string, string>;
  /** PEM of the upstreams' CA. */
  trustBundle: string;
  /** How long a call waits for its authorization. Default: the product's. */
  useWaitMilliseconds?: number;
}

export interface LocalSidecar extends AsyncDisposable {
  readonly proxyURL: string;
  /** PEM file of the pod CA. */
  readonly caFile: string;
  /** Lets calls and reports end. */
  stop(): Promise<void>;
}

export async function startLocalSidecar(
  plane: ControlPlane,
  options: LocalSidecarOptions,
): Promise<LocalSidecar> {
  const { pod, exchangeURLs, exchangeCAFile, connectTo, trustBundle } = options;
  const directory = await mkdtemp(join(tmpdir(), 'actiongrant-sidecar-'));
  const tokenFile = join(directory, 'token');
  const caFile = join(directory, 'pod-ca.crt');
  await writeFile(tokenFile, pod.token, { mode: 0o600 });
  const anyPort = { host: '127.0.0.1', port: 0 };
  const server = new URL(plane.url).host;
  const sidecar = await startSidecar({
    config: {
      listen: anyPort,
      operationsListen: anyPort,
      controllerURLs: [...exchangeURLs],
      controllerCAFile: exchangeCAFile,
      tokenFile,
      agent: { namespace: pod.namespace, serviceAccountName: pod.serviceAccountName },
      kubernetes: { authorities: [server], server, ca: plane.caPem },
      trustBundle,
      connectTo,
      privateDestinations: [],
      inertHeaders: [],
      podName: undefined,
      caOutputFile: caFile,
      transparent: undefined,
      useWaitMilliseconds: options.useWaitMilliseconds ?? 5_000,
      logLevel: 'error',
      settingsIgnored: [],
    },
    clock: systemClock,
    log: silent,
    version: 'test',
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= sidecar.stop().finally(() => rm(directory, { recursive: true, force: true }));
    return stopped;
  };
  return {
    proxyURL: `http://127.0.0.1:${sidecar.address.port}`,
    caFile,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
