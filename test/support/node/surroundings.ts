/** What the node finds around it: mounts and a network that exist in its own namespaces only. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GATEWAYS,
  METADATA_ADDRESS,
  NODE_ADDRESSES,
  stateFiles,
  UPSTREAM_ADDRESSES,
} from './layout.ts';

/**
 * Kernel settings that the kubelet writes when they differ. They are the whole machine's, so it is shown files with the
 * values it wants instead.
 */
const KUBELET_SYSCTLS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/** Where programs write at paths that can't be configured (CNI's cache, links to pods' logs). */
const OVERLAID = ['/var/lib', '/var/log'];

type Command = readonly [program: string, ...args: string[]];

/** Makes the mounts and the network. Call it once, inside the namespaces. */
export function prepareSurroundings(directory: string): void {
  for (const [program, ...args] of [...mounts(directory), ...network()]) {
    execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  }
  for (const [name, value] of NETWORK_SYSCTLS) writeFileSync(`/proc/sys/net/${name}`, value);
}

function mounts(directory: string): Command[] {
  const { overlays, sysctls } = stateFiles(directory);
  const commands: Command[] = [
    // A peer group of its own: containers may ask for propagation.
    ['mount', '--make-rshared', '/'],
    // containerd's shims, the CNI network namespaces.
    ['mount', '-t', 'tmpfs', 'tmpfs', '/run'],
  ];
  mkdirSync(overlays, { recursive: true });
  commands.push(['mount', '-t', 'tmpfs', 'tmpfs', overlays]);
  for (const [index, path] of OVERLAID.entries()) {
    const upper = join(overlays, `${index}`);
    const work = join(overlays, `${index}.work`);
    const options = `lowerdir=${path},upperdir=${upper},workdir=${work}`;
    commands.push(
      ['mkdir', upper, work],
      ['mount', '-t', 'overlay', '-o', options, 'overlay', path],
    );
  }
  for (const [name, value] of Object.entries(KUBELET_SYSCTLS)) {
    const file = join(sysctls, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `${value}\n`);
    commands.push(['mount', '--bind', file, `/proc/sys/${name}`]);
  }
  return commands;
}

const NETWORK_SYSCTLS: readonly (readonly [name: string, value: string])[] = [
  ['ipv4/ip_forward', '1'],
  ['ipv6/conf/all/forwarding', '1'],
];

/** A bridge without ports stands for the network card: there need not be a dummy device. */
function network(): Command[] {
  const device = 'node0';
  const upstream = UPSTREAM_ADDRESSES.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
  return [
    ['ip', 'link', 'set', 'lo', 'up'],
    ['ip', 'link', 'add', device, 'type', 'bridge'],
    ['ip', 'link', 'set', device, 'up'],
    ['ip', 'address', 'add', `${NODE_ADDRESSES[0]}/24`, 'dev', device],
    ['ip', 'address', 'add', `${NODE_ADDRESSES[1]}/64`, 'dev', device, 'nodad'],
    ...[...upstream, METADATA_ADDRESS].map(
      (address): Command => [
        ...(['ip', 'address', 'add'] as const),
        `${address}/${address.includes(':') ? 128 : 32}`,
        ...['dev', device, ...(address.includes(':') ? ['nodad'] : [])],
      ],
    ),
    ['ip', 'route', 'add', 'default', 'via', GATEWAYS[0], 'dev', device],
    ['ip', '-6', 'route', 'add', 'default', 'via', GATEWAYS[1], 'dev', device],
  ];
}
