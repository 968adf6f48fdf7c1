import { setTimeout as sleep } from 'node:timers/promises';
import { aNewGrant } from '../builders.ts';
import { grantsPath } from '../grants.ts';
import type { NodeCluster } from './node-cluster.ts';

const DRY_RUN = '?dryRun=All';
const PAUSE_MILLISECONDS = 50;

/** Pods and grants that are created one after the other, all the way but for being stored: each asks the controller. */
export interface AdmissionLoad extends AsyncDisposable {
  /** How many were admitted. */
  readonly admitted: number;
  /** What was said of the others. */
  readonly refusals: readonly string[];
  stop(): Promise<void>;
}

/** @param namespace where agents' pods are injected */
export function startAdmissionLoad(cluster: NodeCluster, namespace: string): AdmissionLoad {
  const pod = {
    metadata: { generateName: 'admitted-' },
    spec: { containers: [{ name: 'agent', image: 'none' }] },
  };
  const requests = [
    [`/api/v1/namespaces/${namespace}/pods`, pod],
    [grantsPath(namespace), aNewGrant()],
  ] as const;
  const refusals: string[] = [];
  const stopping = new AbortController();
  let admitted = 0;
  const done = (async () => {
    while (!stopping.signal.aborted) {
      for (const [path, body] of requests) {
        const answer = await cluster.request('POST', `${path}${DRY_RUN}`, body);
        if (answer.status === 201) admitted++;
        else refusals.push(`${new Date().toISOString()} ${JSON.stringify(answer)}`);
      }
      await sleep(PAUSE_MILLISECONDS);
    }
  })();
  const stop = (): Promise<void> => {
    stopping.abort();
    return done;
  };
  return {
    get admitted() {
      return admitted;
    },
    refusals,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
