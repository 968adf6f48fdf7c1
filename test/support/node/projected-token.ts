import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { POD_VOLUMES } from '../../../core/api/pod-layout.ts';
import { stateFiles } from './layout.ts';
import type { NodeCluster } from './node-cluster.ts';

/**
 * Puts a token for the sidecar where the kubelet has put its own, in the way it does: a new directory, and a link that is
 * exchanged. The kubelet puts its own back whenever it looks.
 */
export function writeProjectedToken(cluster: NodeCluster, podUID: string, token: string): void {
  const volume = join(
    stateFiles(cluster.directory).kubelet,
    `pods/${podUID}/volumes/kubernetes.io~projected/${POD_VOLUMES.token}`,
  );
  const { mode, uid, gid } = statSync(join(volume, '..data', 'token'));
  const name = `..${randomUUID()}`;
  mkdirSync(join(volume, name));
  chmodSync(join(volume, name), 0o755);
  const file = join(volume, name, 'token');
  writeFileSync(file, token);
  chownSync(file, uid, gid);
  chmodSync(file, mode);
  symlinkSync(name, join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
}
