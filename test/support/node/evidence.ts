/** What a failure on the node is understood by. */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toolPath } from '../../../scripts/tools.ts';
import { stateFiles } from './layout.ts';

const QUESTIONS: readonly (readonly [file: string, args: readonly string[]])[] = [
  ['pods.txt', ['get', 'pods', '-A', '-o', 'wide']],
  ['pods.yaml', ['get', 'pods', '-A', '-o', 'yaml']],
  ['events.txt', ['get', 'events', '-A', '--sort-by=.lastTimestamp']],
  ['grants.yaml', ['get', 'actiongrants', '-A', '-o', 'yaml']],
];

/** Copies the logs of the cluster's servers: kubelet, containerd and the others. */
export function keepServerLogs(directory: string, folder: string): void {
  copy(stateFiles(directory).logs, join(folder, 'servers'));
}

/** Copies what every container wrote, and what the API says of the pods and the grants. Inside only. */
export function keepPodEvidence(directory: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  copy(stateFiles(directory).podLogs, join(folder, 'logs'));
  for (const [file, args] of QUESTIONS) writeFileSync(join(folder, file), ask(directory, args));
}

function copy(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}

/** The API server may be what failed: then its answer is the evidence. */
function ask(directory: string, args: readonly string[]): string {
  try {
    return execFileSync(
      toolPath('kubectl'),
      [`--kubeconfig=${join(directory, 'admin.kubeconfig')}`, '--request-timeout=10s', ...args],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 },
    );
  } catch (error) {
    return String(error);
  }
}
