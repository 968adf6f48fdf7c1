/** Takes from a pod's sidecar, or from the node, what it needs: memory, and ports to connect from. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SIDECAR_UID } from '../../../core/api/pod-layout.ts';
import { eventually } from '../eventually.ts';

const run = promisify(execFile);

/** Of the network namespace of who reads or writes it: the node's. Pods have their own. */
const NODE_PORTS = '/proc/sys/net/ipv4/ip_local_port_range';
/** Outside of the kernel's usual range: nobody has them. */
const LAST_NODE_PORTS = [61_000, 61_001, 61_002, 61_003];

/** Where a process's memory is counted and limited. */
const CGROUP_V1 = {
  tree: '/sys/fs/cgroup/memory',
  line: /^\d+:memory:(.+)$/m,
  usage: 'memory.usage_in_bytes',
  limit: 'memory.limit_in_bytes',
};
const CGROUP_V2 = {
  tree: '/sys/fs/cgroup',
  line: /^0::(.+)$/m,
  usage: 'memory.current',
  limit: 'memory.max',
};

/** From which ports connections may be made, in the network of this process's pod alone. */
export async function setPorts(pid: number, range: string): Promise<void> {
  const setting = `net.ipv4.ip_local_port_range=${range}`;
  await run('nsenter', [`--target=${pid}`, '--net', 'sysctl', '-w', setting]);
}

/** Leaves the pod these ports (four of them), each of them in use by its sidecar's user towards all of the servers. */
export async function occupyPorts(
  pid: number,
  range: string,
  servers: readonly string[],
): Promise<void> {
  await setPorts(pid, range);
  const opens = servers
    .flatMap((address, index) =>
      [0, 1, 2, 3].map((n) => `${10 + 4 * index + n}<>/dev/tcp/${address}/443`),
    )
    .join(' ');
  const user = [`--setuid=${SIDECAR_UID}`, `--setgid=${SIDECAR_UID}`];
  // The connections end with the shell; their ports stay taken for a minute after (TIME_WAIT).
  await run('nsenter', [`--target=${pid}`, '--net', ...user, 'bash', '-c', `exec ${opens}`]);
}

/**
 * Leaves the node's own programs no port to connect from, until it is disposed of: of the few that are left, each is bound, so
 * that the kernel chooses it for nobody (EADDRNOTAVAIL). Connections that there are stay.
 */
export async function takeNodePorts(): Promise<AsyncDisposable> {
  const usual = readFileSync(NODE_PORTS, 'utf8');
  const servers = LAST_NODE_PORTS.map((port) => createServer().listen(port, '::'));
  const giveBack = async (): Promise<void> => {
    writeFileSync(NODE_PORTS, usual);
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  try {
    await Promise.all(servers.map((server) => once(server, 'listening')));
    writeFileSync(NODE_PORTS, `${LAST_NODE_PORTS[0]} ${LAST_NODE_PORTS.at(-1)}`);
  } catch (error) {
    await giveBack();
    throw error;
  }
  return { [Symbol.asyncDispose]: giveBack };
}

/** Ends the connections that the node's own programs have to this address. Resolves once there is none. */
export async function cutNodeConnections(address: string): Promise<void> {
  const filter = ['--no-header', '--numeric', '--tcp', 'state', 'established', 'dst', address];
  await run('ss', ['--kill', ...filter]);
  await eventually(async () => {
    const { stdout } = await run('ss', filter);
    if (stdout !== '') throw new Error(`still connected: ${stdout}`);
  });
}

/** Lowers the limit of a container's own cgroup to what it has now. @throws Error if the process is in none of its own */
export function leaveNoMemory(pid: number): void {
  const { tree, line, usage, limit } = existsSync('/sys/fs/cgroup/cgroup.controllers')
    ? CGROUP_V2
    : CGROUP_V1;
  const path = line.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  if (path === undefined || path === '/') {
    throw new Error(`process ${pid} is in no cgroup of its own below ${tree}`);
  }
  const directory = join(tree, path);
  writeFileSync(join(directory, limit), readFileSync(join(directory, usage), 'utf8').trim());
}
