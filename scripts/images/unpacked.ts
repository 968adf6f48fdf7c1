import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TIED } from './store.ts';

const SCRIPT = join(import.meta.dirname, 'unpack.sh');
const FOLDER = 'containerd';
const run = promisify(execFile);

/**
 * Unpacks the images of a layout beside it, once for every cluster that will start with them. What an earlier layout has
 * unpacked already is linked.
 *
 * @param names of its images
 * @throws Error with what containerd says
 */
export async function unpackLayout(
  layout: string,
  names: Iterable<string>,
  earlier: string | undefined,
): Promise<void> {
  const root = join(layout, FOLDER);
  if (earlier === undefined || !(await linkUnpacked(earlier, root))) mkdirSync(root);
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  await run('setpriv', [...TIED, ...namespaces, 'sh', SCRIPT, layout, root, ...names]);
}

/**
 * Makes a containerd's root with everything that is unpacked beside a layout: files are linked, which overlay filesystems
 * never change, and databases copied.
 *
 * @param root must not exist
 * @returns false if that cannot be: nothing is unpacked there, or it is on another filesystem
 */
export async function linkUnpacked(layout: string, root: string): Promise<boolean> {
  const unpacked = join(layout, FOLDER);
  if (!existsSync(unpacked)) return false;
  try {
    await run('cp', ['--archive', '--link', unpacked, root]);
  } catch {
    rmSync(root, { recursive: true, force: true });
    return false;
  }
  for (const database of globSync('*/*.db', { cwd: unpacked })) {
    const copy = join(root, `${database}.copy`);
    copyFileSync(join(unpacked, database), copy);
    renameSync(copy, join(root, database));
  }
  return true;
}
