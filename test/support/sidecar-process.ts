/** A sidecar as a process of its own, from the compiled code, with a pod that the API server knows. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { ControlPlane } from './control-plane.ts';
import { issuePodToken, type PodToken } from './kubelet.ts';
import { getText, untilReady } from './operations.ts';
import { freePort } from './ports.ts';
import { GRACE_MILLISECONDS, startOnFreePorts, TiedProcess } from './tied-process.ts';

/** Less memory for the same throughput: measured, see docs/benchmarks.md. The image runs with the same flags. */
export const SIDECAR_FLAGS = ['--max-semi-space-size=4', '--max-old-space-size=56'];

export interface SidecarOptions {
  namespace: string;
  serviceAccountName: string;
  /** `host:port` → `127.0.0.1:port`. */
  connectTo?: ReadonlyMap<string, string>;
  /** PEM of the upstreams' CA. */
  trustBundle?: string;
  environment?: Readonly<Record<string, string>>;
  /** Instead of a pod of its own. */
  pod?: PodToken;
}

export interface SidecarProcess {
  readonly pod: PodToken;
  readonly name: string;
  /** Port of the explicit proxy on loopback. */
  readonly port: number;
  readonly operationsPort: number;
  readonly proxyURL: string;
  /** PEM file of the pod CA. */
  readonly caFile: string;
  readonly process: TiedProcess;
  metrics(): Promise<string>;
  log(): Promise<string>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** What every sidecar of a product has in common. */
export interface SidecarSetting {
  readonly plane: ControlPlane;
  /** Base URL of the exchange. */
  readonly exchangeURL: string;
  readonly exchangeCAFile: string;
  /** For its files and its log. */
  readonly directory: string;
}

/** Resolves once it is ready. @throws StartError */
export async function startSidecar(
  name: string,
  setting: SidecarSetting,
  options: SidecarOptions,
): Promise<SidecarProcess> {
  const { namespace, serviceAccountName } = options;
  const pod =
    options.pod ?? (await issuePodToken(setting.plane, { namespace, serviceAccountName }));
  return startOnFreePorts(() => launch(name, setting, pod, options));
}

async function launch(
  name: string,
  setting: SidecarSetting,
  pod: PodToken,
  options: SidecarOptions,
): Promise<SidecarProcess> {
  const { namespace, serviceAccountName } = options;
  const port = await freePort();
  const operationsPort = await freePort();
  const file = (suffix: string): string => join(setting.directory, `${name}-${suffix}`);
  await writeFile(file('token'), pod.token, { mode: 0o600 });
  await writeFile(file('kubernetes-ca.crt'), setting.plane.caPem);
  if (options.trustBundle !== undefined) await writeFile(file('trust.crt'), options.trustBundle);
  const child = new TiedProcess(
    name,
    process.execPath,
    [...SIDECAR_FLAGS, join(ROOT, 'dist/sidecar/main.js')],
    file('log'),
    {
      ACTIONGRANT_LISTEN: `127.0.0.1:${port}`,
      ACTIONGRANT_OPERATIONS_LISTEN: `127.0.0.1:${operationsPort}`,
      ACTIONGRANT_CONTROLLER_URLS: setting.exchangeURL,
      ACTIONGRANT_CONTROLLER_CA: setting.exchangeCAFile,
      ACTIONGRANT_TOKEN: file('token'),
      ACTIONGRANT_POD_NAMESPACE: namespace,
      ACTIONGRANT_SERVICE_ACCOUNT: serviceAccountName,
      ACTIONGRANT_KUBERNETES_SERVER: new URL(setting.plane.url).host,
      ACTIONGRANT_KUBERNETES_CA: file('kubernetes-ca.crt'),
      ACTIONGRANT_CA_OUTPUT: file('pod-ca.crt'),
      ACTIONGRANT_CONNECT_TO: [...(options.connectTo ?? [])]
        .map(([from, to]) => `${from}=${to}`)
        .join(','),
      ...(options.trustBundle === undefined ? {} : { ACTIONGRANT_TRUST_BUNDLE: file('trust.crt') }),
      ...options.environment,
    },
  );
  await untilReady(child, operationsPort);
  return {
    pod,
    name,
    port,
    operationsPort,
    proxyURL: `http://127.0.0.1:${port}`,
    caFile: file('pod-ca.crt'),
    process: child,
    metrics: () => getText(operationsPort, '/metrics'),
    log: () => readFile(file('log'), 'utf8'),
    kill: () => child.kill(),
    stop: () => child.stop(GRACE_MILLISECONDS),
  };
}
