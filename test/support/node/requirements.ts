import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian packages of everything that is not built here; scripts/bootstrap.sh installs them. */
const PROGRAMS = [
  'containerd',
  'runc',
  'ctr',
  'nft',
  'ip',
  'conntrack',
  'mmdebstrap',
  'buildah',
  'unshare',
  'nsenter',
  'setpriv',
];
const CNI_PLUGINS = ['ptp', 'host-local', 'loopback'];

/** Why no node can be started on this machine, or undefined if one can. */
export function whyNoNode(): string | undefined {
  if (process.platform !== 'linux') return 'a node needs Linux';
  if (process.getuid?.() !== 0) return 'a node needs root';
  const missing = PROGRAMS.filter((name) => !onPath(name));
  if (missing.length > 0) return `${missing.join(', ')} missing: run "make bootstrap"`;
  const plugins = CNI_PLUGINS.filter((name) => !existsSync(join('/usr/lib/cni', name)));
  if (plugins.length > 0)
    return `the CNI plugins ${plugins.join(', ')} are missing in /usr/lib/cni`;
  if (!cgroupsAreWritable()) return 'no cgroup can be made below /sys/fs/cgroup';
  try {
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'true']);
  } catch (error) {
    return `no namespaces can be made: ${String(error).trim()}`;
  }
  return undefined;
}

function onPath(name: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)));
}

/** Version 1 has a tree for each controller. */
function cgroupsAreWritable(): boolean {
  const root = '/sys/fs/cgroup';
  try {
    const trees = existsSync(join(root, 'cgroup.controllers'))
      ? [root]
      : readdirSync(root).map((name) => join(root, name));
    for (const tree of trees) accessSync(tree, constants.W_OK);
    return trees.length > 0;
  } catch {
    return false;
  }
}
