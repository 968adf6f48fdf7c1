/**
 * A pod's network and the world it is connected to, as two network namespaces that end with this process. The world is the
 * pod's default route and counts every IP packet that leaves the pod, but for what IPv6 itself needs (neighbour discovery, group
 * memberships).
 */

import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EchoServers } from './echo-servers.ts';
import { eventually } from './eventually.ts';
import { ipv6Bytes, type Result, type Step } from './raw-sockets.ts';
import { FORGED } from './segments.ts';
import { SocketProgram } from './socket-program.ts';
import { sweepAtExit, TiedProcess } from './tied-process.ts';

const run = promisify(execFile);

export const POD = { ipv4: '10.77.0.2', ipv6: 'fd77::2' } as const;
/** On the pod's link. */
export const NEIGHBOUR = { ipv4: '10.77.0.1', ipv6: 'fd77::1', linkLocal: 'fe80::1' } as const;
/** Behind the neighbour. */
export const FAR = { ipv4: '203.0.113.7', ipv6: '2001:db8::7' } as const;
/** A multicast group on the site that nobody is in until somebody joins it. */
export const GROUP = 'ff05::5ec2:e7';
/** Behind the neighbour too, on a link that takes packets up to 1280 bytes. */
export const NARROW = { ipv4: '192.0.2.7' } as const;

/** Compiled as they start, and several at once. */
const PROGRAM_STARTS = { withinMilliseconds: 30_000, everyMilliseconds: 20 };
const PROGRAM_MILLISECONDS = 50_000;
/** How long a system call may take where nobody is to answer. */
const SILENCE_SECONDS = 1;
/** How long where somebody is: no test waits for its end. */
export const ANSWER_SECONDS = 15;
const PROGRAMS = ['unshare', 'nsenter', 'setpriv', 'ip', 'nft'];

/** Why no pod network can be made here, or null. */
export function missingForPodNetworks(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  const missing = PROGRAMS.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  if (spawnSync('unshare', ['--net', 'true']).status !== 0)
    return 'no network namespace can be made';
  return null;
}

export interface As {
  uid: number;
  gid?: number;
  /** In the words of setpriv(1), without a sign: what admission refuses to an agent. None by default. */
  capabilities?: readonly string[];
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export class PodNetwork {
  readonly #pod: TiedProcess;
  readonly #world: TiedProcess;
  readonly #directory: string;
  readonly #sweep: () => Promise<void>;
  readonly #servers: TiedProcess[] = [];
  /** Those that wait for what to do, by where and as whom they run. */
  readonly #idle = new Map<string, SocketProgram[]>();

  private constructor(directory: string) {
    this.#directory = directory;
    this.#sweep = sweepAtExit(directory);
    // Programs run as other users; Node keeps a cache for each.
    mkdirSync(join(directory, 'compiled'));
    chmodSync(join(directory, 'compiled'), 0o777);
    chmodSync(directory, 0o711);
    const holder = ['--net', 'sleep', 'infinity'];
    this.#pod = new TiedProcess('pod', 'unshare', holder, join(directory, 'pod'));
    this.#world = new TiedProcess('world', 'unshare', holder, join(directory, 'world'));
  }

  static async create({ ipv6 = true }: { ipv6?: boolean } = {}): Promise<PodNetwork> {
    const network = new PodNetwork(mkdtempSync(join(tmpdir(), 'pod-network-')));
    try {
      await network.#setUp(ipv6);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  async #setUp(ipv6: boolean): Promise<void> {
    for (const holder of [this.#pod, this.#world]) {
      await eventually(async () => {
        const own = await run('readlink', ['/proc/self/ns/net']);
        const theirs = await run('readlink', [`/proc/${holder.pid}/ns/net`]);
        if (own.stdout === theirs.stdout) throw new Error('not in a namespace of its own yet');
        await run('nsenter', [`--net=/proc/${holder.pid}/ns/net`, 'true']);
      });
    }
    const inPod = (script: string) => this.#shell(this.#pod, script);
    const inWorld = (script: string) => this.#shell(this.#world, script);
    if (!ipv6)
      await inPod(
        'for i in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done',
      );
    await inWorld(`
      ip link set lo up
      ip link add world0 type veth peer name pod0
      ip link set pod0 netns ${this.#pod.pid}
      ip addr add ${NEIGHBOUR.ipv4}/24 dev world0
      ip addr add ${NEIGHBOUR.ipv6}/64 dev world0 nodad
      ip addr add ${NEIGHBOUR.linkLocal}/64 dev world0 nodad
      ip link set world0 up
      ip addr add ${FAR.ipv4}/32 dev lo
      ip addr add ${FAR.ipv6}/128 dev lo
      ip link add narrow0 mtu 1280 type veth peer name narrow1
      ip addr add 192.0.2.1/24 dev narrow0
      ip link set narrow0 up
      ip link set narrow1 up
      echo 1 >/proc/sys/net/ipv4/ip_forward`);
    await inPod(`
      ip link set lo up
      ip addr add ${POD.ipv4}/24 dev pod0
      ${ipv6 ? `ip addr add ${POD.ipv6}/64 dev pod0 nodad` : ''}
      ip link set pod0 up
      ip route add default via ${NEIGHBOUR.ipv4}
      ${ipv6 ? `ip route add default via ${NEIGHBOUR.ipv6}` : ''}
      # As container runtimes and nodes often have it.
      echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
      echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
      echo 1 >/proc/sys/net/ipv4/ip_forward`);
    await inWorld(`nft 'table inet watch {
      counter arrived {}
      counter joined {}
      set forged { type inet_service; flags dynamic; }
      chain arriving {
        type filter hook prerouting priority -400
        # The kernel sends none so far.
        icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 daddr != ${FAR.ipv6} return
        # Its first group (RFC 3810, 5.2): the kernel reports groups of its own, and whenever it likes.
        iifname "world0" icmpv6 type mld2-listener-report @th,96,128 ${hexadecimal(GROUP)} counter name joined
        icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } return
        iifname "world0" tcp urgptr ${FORGED} add @forged { tcp dport }
        iifname "world0" counter name arrived
      }
    }'`);
    if (ipv6) {
      // Before link-local addresses are usable, IPv6 sends nothing.
      await eventually(async () => {
        const { stdout } = await this.#shell(
          this.#pod,
          'ip -6 addr show dev pod0 scope link -tentative',
        );
        if (!stdout.includes('fe80::')) throw new Error('no link-local address yet');
      });
    }
  }

  /** Runs a program in the pod. By default as root with all capabilities. */
  inPod(
    command: readonly string[],
    as?: As,
    environment: Record<string, string> = {},
  ): Promise<Outcome> {
    return this.#run(
      this.#pod,
      as === undefined ? command : [...becoming(as), ...command],
      environment,
    );
  }

  inWorld(command: readonly string[]): Promise<Outcome> {
    return this.#run(this.#world, command, {});
  }

  /** System calls by a user of the pod, by default without capabilities. */
  callsInPod(as: As, steps: readonly Step[], seconds = SILENCE_SECONDS): Promise<Result[]> {
    return this.#calls(this.#pod, becoming(as), steps, seconds);
  }

  callsInWorld(steps: readonly Step[], seconds = SILENCE_SECONDS): Promise<Result[]> {
    return this.#calls(this.#world, [], steps, seconds);
  }

  /** How many packets a deed sends out of the pod. */
  packetsDuring(deed: () => Promise<unknown>): Promise<number> {
    return this.#countedDuring('arrived', deed);
  }

  /** How many packets of a deed tell the world that somebody in the pod joins {@link GROUP}. */
  joinsDuring(deed: () => Promise<unknown>): Promise<number> {
    return this.#countedDuring('joined', deed);
  }

  /** The ports that segments of {@link segment} arrived at, since there is this network. */
  async forged(): Promise<number[]> {
    const { stdout } = await this.#shell(this.#world, 'nft --json list set inet watch forged');
    const { nftables }: { nftables: readonly { set?: { elem?: number[] } }[] } = JSON.parse(stdout);
    return nftables.flatMap(({ set }) => set?.elem ?? []).sort((a, b) => a - b);
  }

  /** Servers that end with the network or the call of what is returned. */
  async serve(where: 'pod' | 'world', servers: EchoServers, as?: As): Promise<() => Promise<void>> {
    const program = [process.execPath, 'test/support/echo-servers.ts', JSON.stringify(servers)];
    const { process: child } = await this.start(where, program, 'ready', as);
    return () => child.kill();
  }

  /** A program that runs until the network ends; waited for until it has written `ready`. */
  async start(
    where: 'pod' | 'world',
    program: readonly string[],
    ready: string,
    as?: As,
    environment: Record<string, string> = {},
  ): Promise<{ process: TiedProcess; log(): string }> {
    const holder = where === 'pod' ? this.#pod : this.#world;
    const log = join(this.#directory, `${where}-${this.#servers.length}.log`);
    const child = new TiedProcess(
      `a program in the ${where}`,
      'nsenter',
      [`--net=/proc/${holder.pid}/ns/net`, ...(as === undefined ? [] : becoming(as)), ...program],
      log,
      environment,
    );
    this.#servers.push(child);
    await eventually(async () => {
      if (!readFileSync(log, 'utf8').includes(ready)) throw new Error(child.logTail());
    }, PROGRAM_STARTS);
    return { process: child, log: () => readFileSync(log, 'utf8') };
  }

  async close(): Promise<void> {
    for (const program of [...this.#idle.values()].flat()) await program.end();
    for (const child of [...this.#servers, this.#pod, this.#world]) await child.kill();
    await this.#sweep();
  }

  async #countedDuring(
    counter: 'arrived' | 'joined',
    deed: () => Promise<unknown>,
  ): Promise<number> {
    const before = await this.#count(counter);
    await deed();
    return (await this.#count(counter)) - before;
  }

  async #count(counter: 'arrived' | 'joined'): Promise<number> {
    const { stdout } = await this.#shell(this.#world, `nft list counter inet watch ${counter}`);
    return Number(/packets (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  }

  async #shell(holder: TiedProcess, script: string): Promise<Outcome> {
    const outcome = await this.#run(holder, ['sh', '-ec', script], {});
    if (outcome.code !== 0) throw new Error(`${outcome.stderr}\n${script}`);
    return outcome;
  }

  async #calls(
    holder: TiedProcess,
    identity: readonly string[],
    steps: readonly Step[],
    seconds: number,
  ): Promise<Result[]> {
    const into = ['nsenter', `--net=/proc/${holder.pid}/ns/net`, ...identity];
    const idle = this.#idle.get(into.join(' ')) ?? [];
    this.#idle.set(into.join(' '), idle);
    const program = idle.pop() ?? new SocketProgram(into);
    let again = false;
    try {
      const results = await program.run(steps, seconds, PROGRAM_MILLISECONDS);
      again = steps.every(([what]) => what !== 'become');
      return results;
    } finally {
      if (again) idle.push(program);
      else await program.end();
    }
  }

  async #run(
    holder: TiedProcess,
    command: readonly string[],
    environment: Record<string, string>,
  ): Promise<Outcome> {
    // Hundreds of short programs of ours: half of each one's time would go into compiling it.
    const compiled = { NODE_COMPILE_CACHE: join(this.#directory, 'compiled') };
    const variables = Object.entries({ ...compiled, ...environment }).map(
      ([name, value]) => `${name}=${value}`,
    );
    const args = [`--net=/proc/${holder.pid}/ns/net`, 'env', ...variables, ...command];
    try {
      return { code: 0, ...(await run('nsenter', args, { timeout: PROGRAM_MILLISECONDS })) };
    } catch (error) {
      const { code, stdout, stderr } = error as Partial<Outcome>;
      if (typeof code !== 'number') throw error;
      return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
    }
  }
}

/** An IPv6 address as a number of nft. */
const hexadecimal = (address: string): string => `0x${ipv6Bytes(address).toString('hex')}`;

function becoming({ uid, gid = uid, capabilities = [] }: As): string[] {
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  // Ambient ones outlast the start of a program that is no root's.
  const sets = ['inh-caps', 'ambient-caps', 'bounding-set'].map((name) => `--${name}=${kept}`);
  return ['setpriv', ...ids, ...sets, '--no-new-privs', '--'];
}
