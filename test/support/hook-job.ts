/** Plays the Job controller and the kubelet for a hook of the chart: runs its program with its environment and its rights. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

interface Job extends KubeObject {
  spec: {
    template: {
      spec: {
        serviceAccountName: string;
        containers: [{ args: [string]; env: { name: string; value?: string }[] }];
      };
    };
  };
}

export interface ProgramResult {
  readonly code: number;
  readonly output: string;
}

const HELM_CREATES = { withinMilliseconds: 60_000, everyMilliseconds: 20 };

/** Waits for a Job that is not `former`, runs what it says, and writes its status. */
export async function playJob(
  plane: ControlPlane,
  namespace: string,
  name: string,
  former: string | undefined,
): Promise<ProgramResult> {
  const path = jobPath(namespace, name);
  const job = await eventually(async () => {
    const found = await plane.api<Job>('GET', path);
    if (found.metadata.uid === former) throw new Error(`${name} is still the one that was`);
    return found;
  }, HELM_CREATES);
  const { serviceAccountName, containers } = job.spec.template.spec;
  const [{ args, env }] = containers;
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccountName}`;
  const { status } = await plane.api<KubeObject & { status: { token: string } }>(
    'POST',
    `${account}/token`,
    { spec: { expirationSeconds: 600 } },
  );
  const result = await runProgram(args[0], {
    ...Object.fromEntries(env.map(({ name: variable, value }) => [variable, value ?? namespace])),
    ACTIONGRANT_KUBECONFIG: await plane.kubeconfigForToken(status.token),
  });
  await plane.api(
    'PATCH',
    `${path}/status`,
    { status: result.code === 0 ? succeeded() : failed() },
    { contentType: 'application/merge-patch+json' },
  );
  return result;
}

/** UID of a Job that an earlier run of the hook left, which helm deletes first. */
export async function formerJob(
  plane: ControlPlane,
  namespace: string,
  name: string,
): Promise<string | undefined> {
  const { status, body } = await plane.request<Job>('GET', jobPath(namespace, name));
  return status === 200 ? body.metadata.uid : undefined;
}

const jobPath = (namespace: string, name: string): string =>
  `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`;

/** Runs what the image has in dist/. */
export function runProgram(
  program: string,
  environment: Readonly<Record<string, string>>,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, program)],
      { env: environment },
      (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
      },
    );
  });
}

const condition = (type: string) => ({
  type,
  status: 'True',
  lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ''),
});

function succeeded(): object {
  const now = new Date().toISOString().replace(/\.\d+/, '');
  return {
    startTime: now,
    completionTime: now,
    succeeded: 1,
    uncountedTerminatedPods: {},
    conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
  };
}

function failed(): object {
  return {
    startTime: new Date().toISOString().replace(/\.\d+/, ''),
    failed: 1,
    uncountedTerminatedPods: {},
    conditions: [condition('FailureTarget'), condition('Failed')],
  };
}
