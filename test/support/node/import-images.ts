import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { stateFiles } from './layout.ts';

const run = promisify(execFile);

/**
 * Brings every image of an OCI layout into the node's containerd; those that are there already cost little. Call it inside.
 *
 * @throws Error with what ctr says
 */
export async function importImages(directory: string, layout: string): Promise<void> {
  const { containerdSocket } = stateFiles(directory);
  await run('sh', [
    '-c',
    'tar -C "$1" -cf - blobs index.json oci-layout | ctr --address "$2" --namespace k8s.io images import -',
    'sh',
    layout,
    containerdSocket,
  ]);
}
