import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cgroupTrees, ENCLOSURE_VARIABLE } from './enclosure.ts';

/**
 * Every process, mount, cgroup and directory of an enclosure that exists, as the rest of the machine sees it, a line each.
 * Namespaces are not looked for by their numbers, which the kernel soon gives to others: those that nobody is in and nothing
 * is mounted from are gone.
 */
export function whatIsLeft(directory: string): string[] {
  const name = basename(directory);
  const mark = `${ENCLOSURE_VARIABLE}=${directory}\0`;
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  const isOfIt = (pid: string): boolean =>
    // Containers have an environment of their own, but are in its cgroup.
    read(`/proc/${pid}/environ`).includes(mark) || read(`/proc/${pid}/cgroup`).includes(name);
  const mounts = pids.flatMap((pid) => read(`/proc/${pid}/mountinfo`).split('\n'));
  return [
    ...pids
      .filter(isOfIt)
      .map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`),
    // A network namespace that has a name is one, too (ip-netns(8)).
    ...new Set(mounts.filter((line) => line.includes(name)).map((line) => `mount ${line}`)),
    ...cgroupTrees()
      .map((tree) => join(tree, name))
      .filter((cgroup) => existsSync(cgroup))
      .map((cgroup) => `cgroup ${cgroup}`),
    ...(existsSync(directory) ? [`directory ${directory}`] : []),
  ];
}

/** Empty once the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
