import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tools.ts';

/** A cluster that is kept for many runs (scripts/cluster.ts). */
export interface KeptCluster {
  /** Of the process that holds it. */
  readonly pid: number;
  readonly directory: string;
}

const FOLDER = join(ROOT, '.make', 'clusters');

/** Files of a kept cluster. */
export function clusterFiles(name: string) {
  return { record: join(FOLDER, `${name}.json`), log: join(FOLDER, `${name}.log`) } as const;
}

/** The cluster of this name, or undefined if none runs. */
export function keptCluster(name: string): KeptCluster | undefined {
  const { record } = clusterFiles(name);
  if (!existsSync(record)) return undefined;
  const cluster: KeptCluster = JSON.parse(readFileSync(record, 'utf8'));
  return existsSync(`/proc/${cluster.pid}`) && existsSync(cluster.directory) ? cluster : undefined;
}

export function recordCluster(name: string, cluster: KeptCluster): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(clusterFiles(name).record, JSON.stringify(cluster));
}

export function forgetCluster(name: string): void {
  rmSync(clusterFiles(name).record, { force: true });
}
