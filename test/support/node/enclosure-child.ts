// Started as a process of its own, outside of any cluster: the lifecycle test ends it in every way and looks at what is left.
import { createInterface } from 'node:readline';
import { startEnclosure } from './enclosure.ts';

/**
 * What a cluster does to the machine, in small: mounts, a network namespace with a name, a cgroup below its own, and
 * processes that no longer have a parent, nor hear signals. It ends with the exit code that is written to its pipe.
 */
const INHABITANT = `
  set -e
  mount -t tmpfs tmpfs /run
  mkdir "$1/mounted"
  mount -t tmpfs tmpfs "$1/mounted"
  mount --bind "$1/mounted" /mnt
  touch "$1/mounted/file"
  ip netns add "\${1##*/}"
  for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$tree/\${1##*/}" ] || continue
    mkdir "$tree/\${1##*/}/pods"
  done
  trap '' HUP INT TERM
  setsid sh -c 'sleep 1000; true' &
  ip netns exec "\${1##*/}" setsid sh -c 'sleep 1000; true' &
  # cpuset takes none before it has been given processors.
  for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ ! -d "$tree/\${1##*/}/pods" ] || echo "$!" >"$tree/\${1##*/}/pods/cgroup.procs" || true
  done 2>/dev/null
  mkfifo "$1/exit-code"
  read -r code <"$1/exit-code"
  exit "$code"
`;

const enclosure = await startEnclosure(
  (directory) => ['sh', '-c', INHABITANT, 'sh', directory],
  process.stderr.fd,
);
process.stdout.write(`${enclosure.directory}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') await enclosure.stop();
  process.stdout.write(`${line}: ${enclosure.running ? 'running' : 'ended'}\n`);
}
