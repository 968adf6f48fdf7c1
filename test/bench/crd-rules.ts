/**
 * What the rules of the CRD cost a status write: the same grants go the same way under the CRD as it is and under a copy
 * without x-kubernetes-validations, alternating, on one real control plane whose etcd flushes every write.
 *
 *   node test/bench/crd-rules.ts [grants]      default 400
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ActionGrant, ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import { ROOT } from '../../scripts/tools.ts';
import type { KubeObject } from '../support/api-client.ts';
import {
  aFinishedStatus,
  aNewGrant,
  anApprovedStatus,
  anInUseStatus,
} from '../support/builders.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const WAY: readonly ActionGrantStatus[] = [anApprovedStatus(), anInUseStatus(), aFinishedStatus()];
const WARM_UP = 50;

/** A copy of the definition in another group, with or without its rules. */
function definition(group: string, rules: boolean): KubeObject {
  const text = readFileSync(join(ROOT, 'crds', 'actiongrants.yaml'), 'utf8');
  const crd = parse(text, (key, value) =>
    key === 'x-kubernetes-validations' && !rules ? undefined : value,
  );
  crd.metadata.name = `actiongrants.${group}`;
  crd.spec.group = group;
  crd.spec.names.shortNames = [];
  return crd;
}

async function install(plane: OwnControlPlane, group: string, rules: boolean): Promise<string> {
  await plane.api('POST', CRDS, definition(group, rules));
  const path = `/apis/${group}/v1alpha1/namespaces/default/actiongrants`;
  while ((await plane.request('GET', path)).status !== 200);
  return path;
}

/** Milliseconds of each status write of one grant. */
async function oneGrant(plane: OwnControlPlane, path: string, group: string): Promise<number[]> {
  const grant = { ...aNewGrant(), apiVersion: `${group}/v1alpha1` };
  let written = await plane.api<ActionGrant>('POST', path, grant);
  const times: number[] = [];
  for (const status of WAY) {
    const url = `${path}/${written.metadata.name}/status`;
    const start = performance.now();
    written = await plane.api<ActionGrant>('PUT', url, { ...written, status });
    times.push(performance.now() - start);
  }
  return times;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

async function main(count: number): Promise<void> {
  await using plane = await startControlPlane({ fsync: true });
  const sides = [
    { name: 'with rules', group: 'rules.bench.example', rules: true, times: [] as number[] },
    { name: 'without', group: 'plain.bench.example', rules: false, times: [] as number[] },
    { name: 'without again', group: 'plain2.bench.example', rules: false, times: [] as number[] },
  ];
  const paths = await Promise.all(sides.map(({ group, rules }) => install(plane, group, rules)));
  for (let round = 0; round < count + WARM_UP; round++) {
    for (const [index, side] of sides.entries()) {
      const times = await oneGrant(plane, paths[index] ?? '', side.group);
      if (round >= WARM_UP) side.times.push(...times);
    }
  }
  const base = quantile(sides[1]?.times ?? [], 0.5);
  for (const { name, times } of sides) {
    const [p50, p95] = [quantile(times, 0.5), quantile(times, 0.95)];
    const ratio = (p50 / base).toFixed(2);
    console.log(
      `${name.padEnd(14)} status PUT p50 ${p50.toFixed(2)} ms  p95 ${p95.toFixed(2)} ms  ratio ${ratio}`,
    );
  }
}

await main(Number(process.argv[2] ?? 400));
