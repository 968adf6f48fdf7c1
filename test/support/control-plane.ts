import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toolPath } from '../../scripts/tools.ts';
import { writeState } from './cluster-files.ts';
import { ControlPlane, type ControlPlaneDetails } from './control-plane-client.ts';
import { freePort } from './ports.ts';
import {
  apiServerFlags,
  type ControlPlaneOptions,
  etcdFlags,
  serverEnvironment,
} from './server-flags.ts';
import { StartError, startOnFreePorts, sweepAtExit, TiedProcess } from './tied-process.ts';

export type { KubeObject } from './api-client.ts';
export {
  type ControlPlane,
  type ControlPlaneDetails,
  connectControlPlane,
} from './control-plane-client.ts';
export type { ControlPlaneOptions } from './server-flags.ts';

const READY_MILLISECONDS = 60_000;

/** A control plane that this process started and may therefore break. */
export class OwnControlPlane extends ControlPlane implements AsyncDisposable {
  readonly #etcd: TiedProcess;
  readonly #startApiServer: () => TiedProcess;
  readonly #sweep: () => Promise<void>;
  readonly #etcdURL: string;
  #apiServer: TiedProcess;

  constructor(
    details: ControlPlaneDetails,
    etcdURL: string,
    etcd: TiedProcess,
    startApiServer: () => TiedProcess,
    sweep: () => Promise<void>,
  ) {
    super(details);
    this.#etcdURL = etcdURL;
    this.#etcd = etcd;
    this.#startApiServer = startApiServer;
    this.#sweep = sweep;
    this.#apiServer = startApiServer();
  }

  /** Process ids, for tests of what is left behind. */
  get processIds(): { etcd: number | undefined; apiServer: number | undefined } {
    return { etcd: this.#etcd.pid, apiServer: this.#apiServer.pid };
  }

  /** Resolves once the API server serves, with the objects every cluster starts with. */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_MILLISECONDS;
    while (!(await this.#isReady())) {
      for (const process of [this.#etcd, this.#apiServer]) {
        if (!process.running) throw new StartError(process);
      }
      if (Date.now() > deadline) throw new StartError(this.#apiServer);
      await sleep(50);
    }
  }

  /** Forgets what was before this version of the cluster, as the API server makes etcd do every few minutes. */
  async compact(resourceVersion: string): Promise<void> {
    const response = await fetch(`${this.#etcdURL}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision: resourceVersion }),
    });
    if (!response.ok) throw new Error(`etcd does not compact: ${await response.text()}`);
  }

  /** Starts a killed API server again, on the same port and the same etcd. */
  async startApiServer(): Promise<void> {
    if (!this.#apiServer.running) this.#apiServer = this.#startApiServer();
    await this.ready();
  }

  /** Stops the API server as a crash would (SIGKILL). */
  async killApiServer(): Promise<void> {
    await this.#apiServer.kill();
  }

  /** Kills both servers and removes their directory: nothing is kept that they could still write. */
  async stop(): Promise<void> {
    await this.disconnect();
    await Promise.all([this.#apiServer.kill(), this.#etcd.kill()]);
    await this.#sweep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #isReady(): Promise<boolean> {
    try {
      const answers = await Promise.all([
        this.request('GET', '/readyz'),
        this.request('GET', '/api/v1/namespaces/default/services/kubernetes'),
        this.request(
          'GET',
          '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:basic-user',
        ),
      ]);
      return answers.every(({ status }) => status === 200);
    } catch {
      return false;
    }
  }
}

/** Starts an etcd and a kube-apiserver; they end with this process, however it ends. */
export function startControlPlane(options: ControlPlaneOptions = {}): Promise<OwnControlPlane> {
  return startOnFreePorts(async () => {
    const plane = await launch(options);
    try {
      await plane.ready();
      return plane;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  });
}

async function launch(options: ControlPlaneOptions): Promise<OwnControlPlane> {
  const programs = { etcd: toolPath('etcd'), apiServer: toolPath('kube-apiserver') };
  const directory = mkdtempSync(join(tmpdir(), 'actiongrant-control-plane-'));
  const sweep = sweepAtExit(directory);
  const [etcdPort, peerPort, apiPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const url = `https://127.0.0.1:${apiPort}`;
  await writeState(directory, url);
  const etcd = new TiedProcess(
    'etcd',
    programs.etcd,
    etcdFlags(directory, etcdPort, peerPort, options),
    join(directory, 'etcd.log'),
    serverEnvironment(options),
  );
  const flags = [
    ...apiServerFlags(directory, etcdPort, apiPort),
    ...(options.apiServerFlags ?? []),
  ];
  const startApiServer = () =>
    new TiedProcess(
      'kube-apiserver',
      programs.apiServer,
      flags,
      join(directory, 'kube-apiserver.log'),
      serverEnvironment(options),
    );
  const etcdURL = `http://127.0.0.1:${etcdPort}`;
  return new OwnControlPlane({ url, directory }, etcdURL, etcd, startApiServer, sweep);
}
