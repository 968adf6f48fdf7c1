/** A controller replica as a process of its own, from the compiled code. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { InstalledChart } from './chart.ts';
import { getText, untilReady } from './operations.ts';
import { freePort } from './ports.ts';
import { GRACE_MILLISECONDS, startOnFreePorts, TiedProcess } from './tied-process.ts';

export interface ReplicaOptions {
  /** Instead of the chart's own kubeconfig: e.g. one that goes through a proxy. */
  kubeconfig?: string;
  /** Chosen by the caller, who wants to look at it before the replica is ready. */
  operationsPort?: number;
  /** Gets no calls through the balancer: only those that are sent to its own port. */
  outOfRotation?: boolean;
  environment?: Readonly<Record<string, string>>;
}

/** A replica that answers, whoever started it. */
export interface RunningReplica {
  readonly name: string;
  /** Port of exchange and admission. */
  readonly port: number;
  readonly operationsPort: number;
  readonly logFile: string;
  metrics(): Promise<string>;
  log(): Promise<string>;
}

/** A replica that this process started and may therefore end. */
export interface Replica extends RunningReplica {
  readonly process: TiedProcess;
  readonly running: boolean;
  /** As SIGKILL: nothing is said goodbye to. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** What every replica of a product has in common. */
export interface ReplicaSetting {
  readonly chart: InstalledChart;
  readonly agentNamespaces: readonly string[];
  /** For its log. */
  readonly directory: string;
}

/** What can be known of a replica without being the process that started it. */
export type ReplicaDetails = Pick<RunningReplica, 'name' | 'port' | 'operationsPort' | 'logFile'>;

export function connectReplica(details: ReplicaDetails): RunningReplica {
  return {
    ...details,
    metrics: () => getText(details.operationsPort, '/metrics'),
    log: () => readFile(details.logFile, 'utf8'),
  };
}

/** Resolves once it is ready. @throws StartError */
export function startReplica(
  name: string,
  setting: ReplicaSetting,
  options: ReplicaOptions = {},
): Promise<Replica> {
  return startOnFreePorts(async () => {
    const port = await freePort();
    const operationsPort = options.operationsPort ?? (await freePort());
    const logFile = join(setting.directory, `${name}.log`);
    const child = new TiedProcess(
      name,
      process.execPath,
      [join(ROOT, 'dist/controller/main.js')],
      logFile,
      {
        ACTIONGRANT_LISTEN: `127.0.0.1:${port}`,
        ACTIONGRANT_OPERATIONS_LISTEN: `127.0.0.1:${operationsPort}`,
        ACTIONGRANT_NAMESPACE: setting.chart.namespace,
        ACTIONGRANT_POD_NAME: name,
        ACTIONGRANT_AGENT_NAMESPACES: setting.agentNamespaces.join(','),
        ACTIONGRANT_KUBECONFIG: options.kubeconfig ?? setting.chart.controllerKubeconfig,
        ACTIONGRANT_SERVING_NAMES: '127.0.0.1',
        ...options.environment,
      },
    );
    await untilReady(child, operationsPort);
    return {
      ...connectReplica({ name, port, operationsPort, logFile }),
      process: child,
      get running() {
        return child.running;
      },
      kill: () => child.kill(),
      stop: () => child.stop(GRACE_MILLISECONDS),
    };
  });
}
