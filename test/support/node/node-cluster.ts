import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AGENT_IMAGE } from '../../../scripts/images/images.ts';
import type { Connectors, KubeObject } from '../api-client.ts';
import { readPair } from '../cluster-files.ts';
import {
  ControlPlane,
  type ControlPlaneDetails,
  type KubectlResult,
} from '../control-plane-client.ts';
import { eventually } from '../eventually.ts';
import type { KeyPairPem } from '../pki.ts';
import { type Question, questionsIn } from './dns-log.ts';
import { type ServerName, stateFiles, UPSTREAM_AUTHORITY } from './layout.ts';

const GRACE = { withinMilliseconds: 3_000, everyMilliseconds: 50 };
const RESTART = { withinMilliseconds: 60_000, everyMilliseconds: 50 };
const run = promisify(execFile);

/** What another process inside needs to use a running cluster; plain JSON. */
export interface NodeDetails extends ControlPlaneDetails {
  /** Name of the product's image; empty if the cluster runs without. */
  readonly productImage: string;
  /** Folder for what a failed test is understood by; empty if nothing is to be kept. */
  readonly evidence: string;
}

export interface ExecOptions {
  /** Default: the pod's first container. */
  readonly container?: string;
  readonly input?: string;
  /** Default: a minute. */
  readonly timeoutMilliseconds?: number;
}

/** A container's process on the node. */
export interface ContainerProcess {
  /** containerd's id. */
  readonly id: string;
  /** As seen inside the enclosure, where tests run. */
  readonly pid: number;
}

interface Pod extends KubeObject {
  readonly status: {
    readonly [statuses in
      | 'containerStatuses'
      | 'initContainerStatuses'
      | 'ephemeralContainerStatuses']?: readonly {
      readonly name: string;
      readonly containerID?: string;
    }[];
  };
}

/** A real cluster with one real node: everything that {@link ControlPlane} lacks. Only inside its namespaces. */
export class NodeCluster extends ControlPlane {
  readonly productImage: string;
  readonly agentImage = AGENT_IMAGE;
  /** Signs the certificates of tests' servers; the sidecars under test trust it. */
  readonly upstreamAuthority: KeyPairPem;
  readonly #files: ReturnType<typeof stateFiles>;

  constructor(details: NodeDetails, connectors?: Connectors) {
    super(details, connectors);
    this.productImage = details.productImage;
    this.upstreamAuthority = readPair(details.directory, UPSTREAM_AUTHORITY);
    this.#files = stateFiles(details.directory);
  }

  /** Runs a command in a container; whatever its exit code, it is a result. */
  exec(
    namespace: string,
    pod: string,
    command: readonly string[],
    { container, ...options }: ExecOptions = {},
  ): Promise<KubectlResult> {
    const flags = [
      `--namespace=${namespace}`,
      ...(container === undefined ? [] : [`--container=${container}`]),
      ...(options.input === undefined ? [] : ['--stdin']),
    ];
    return this.kubectl(['exec', ...flags, pod, '--', ...command], options);
  }

  /** `kubectl apply` of objects (YAML or JSON). @throws Error with what kubectl says */
  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.#must(['apply', '-f', '-'], JSON.stringify(list));
  }

  /** Resolves once a pod is Ready. @throws Error with what `kubectl describe` and its logs say */
  async untilPodReady(namespace: string, name: string, timeoutSeconds = 60): Promise<void> {
    const result = await this.kubectl(
      [
        'wait',
        `--namespace=${namespace}`,
        '--for=condition=Ready',
        `--timeout=${timeoutSeconds}s`,
        `pod/${name}`,
      ],
      { timeoutMilliseconds: (timeoutSeconds + 10) * 1000 },
    );
    if (result.code === 0) return;
    const pod = [`--namespace=${namespace}`, `pod/${name}`];
    const described = await this.kubectl(['describe', ...pod]);
    const logs = await this.kubectl(['logs', '--all-containers', '--prefix', '--tail=30', ...pod]);
    throw new Error(`${result.stderr}\n${described.stdout}\n${logs.stdout}`);
  }

  /** A container of any kind that runs. @throws Error if it does not */
  async containerProcess(
    namespace: string,
    podName: string,
    container: string,
  ): Promise<ContainerProcess> {
    const pod = await this.api<Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${podName}`);
    const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = pod.status;
    const status = [containerStatuses, initContainerStatuses, ephemeralContainerStatuses]
      .flatMap((statuses) => statuses ?? [])
      .find(({ name }) => name === container);
    const id = status?.containerID?.replace('containerd://', '');
    const tasks = await this.#ctr(['tasks', 'list']);
    const line = tasks.split('\n').find((text) => id !== undefined && text.startsWith(id));
    const [, pid, state] = line?.split(/\s+/) ?? [];
    if (id === undefined || state !== 'RUNNING') {
      throw new Error(`the container ${container} of ${podName} does not run`);
    }
    return { id, pid: Number(pid) };
  }

  /** SIGKILL for a container's first process, as a crash. */
  async killContainer(namespace: string, pod: string, container: string): Promise<void> {
    const { id } = await this.containerProcess(namespace, pod, container);
    await this.#ctr(['tasks', 'kill', '--signal=SIGKILL', id]);
  }

  /** Gives an image of the node's a further name, as pods are told of it. */
  async nameImage(image: string, name: string): Promise<void> {
    await this.#ctr(['images', 'tag', '--force', image, name]);
  }

  /** SIGKILL for what holds a pod's namespaces: the kubelet makes everything of the pod anew, as after a reboot. */
  async killSandbox(namespace: string, pod: string): Promise<void> {
    const { metadata } = await this.api('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`);
    const filter = `labels."io.kubernetes.pod.uid"==${metadata.uid},labels."io.cri-containerd.kind"==sandbox`;
    const ids = (await this.#ctr(['containers', 'list', '--quiet', filter])).split('\n');
    for (const id of ids.filter((line) => line !== '')) {
      await this.#ctr(['tasks', 'kill', '--signal=SIGKILL', id]);
    }
  }

  /** Every question that CoreDNS was asked, since `from` (a mark of {@link dnsMark}), oldest first. */
  dnsQuestions(from = 0): Question[] {
    return questionsIn(this.#dnsLog().slice(from));
  }

  /** A position in CoreDNS's log: what was asked until now. */
  dnsMark(): number {
    return this.#dnsLog().length;
  }

  /** Stops one of the cluster's programs as an upgrade would; it is started again at once. Resolves when that runs. */
  async restart(server: ServerName): Promise<void> {
    const before = this.#pid(server);
    if (before !== undefined) {
      process.kill(before, 'SIGTERM');
      // The API server waits for its open watches, which nobody ends.
      await eventually(() => this.#assertGone(server, before), GRACE).catch(() => {
        if (this.#pid(server) === before) process.kill(before, 'SIGKILL');
      });
    }
    await eventually(() => this.#assertRuns(server, before), RESTART);
  }

  /** Resolves once a new API server serves. */
  async restartApiServer(): Promise<void> {
    await this.restart('kube-apiserver');
    await eventually(() => this.api('GET', '/readyz'), RESTART);
  }

  /** SIGKILL for one of the cluster's programs, which stays down until {@link release}. */
  async hold(server: ServerName): Promise<void> {
    writeFileSync(join(this.#files.held, server), '');
    const pid = this.#pid(server);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await eventually(() => this.#assertGone(server, pid), RESTART);
  }

  /** Lets a server that was held start again. Resolves when it runs; it may not be ready. */
  async release(server: ServerName): Promise<void> {
    rmSync(join(this.#files.held, server), { force: true });
    await eventually(() => this.#assertRuns(server, undefined), RESTART);
  }

  #assertGone(server: ServerName, pid: number | undefined): void {
    if (pid !== undefined && this.#pid(server) === pid) throw new Error(`${server} still runs`);
  }

  #assertRuns(server: ServerName, insteadOf: number | undefined): void {
    const pid = this.#pid(server);
    if (pid === undefined || pid === insteadOf) throw new Error(`${server} did not start again`);
  }

  #pid(server: ServerName): number | undefined {
    try {
      return Number(readFileSync(join(this.#files.pids, server), 'utf8'));
    } catch (error) {
      // It has ended.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #dnsLog(): string {
    return readFileSync(join(this.#files.logs, 'coredns.log'), 'utf8');
  }

  async #ctr(args: readonly string[]): Promise<string> {
    const socket = this.#files.containerdSocket;
    const { stdout } = await run('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args]);
    return stdout;
  }

  async #must(args: readonly string[], input: string): Promise<void> {
    const { code, stderr } = await this.kubectl(args, { input });
    if (code !== 0) throw new Error(`kubectl ${args[0]} failed: ${stderr}`);
  }
}
