/**
 * The record of who did what is the controller's log, which outlives grants and which nobody in the cluster can edit: the line
 * of a consumption is there before the credential is handed over, and the last line of a grant before it is deleted.
 */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { Exchange } from '../support/exchange.ts';
import { grantsPath, untilPhase } from '../support/grants.ts';
import { createScene, type Scene } from '../support/scene.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';

const CONSUMED = 'a grant was consumed';
const COLLECTED = 'a grant that has ended is deleted';

let plane: ControlPlane;
let product: SharedProduct;
let exchange: Exchange;
let namespace: string;

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  exchange = new Exchange(product);
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
});

interface Line {
  readonly message: string;
  readonly uid?: string;
  readonly [field: string]: unknown;
}

/** What the replicas have written of a grant by now: nothing is waited for. */
function linesOf({ grant }: Scene, message: string): readonly Line[] {
  return product.replicas
    .flatMap(({ logFile }) => readFileSync(logFile, 'utf8').split('\n'))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.message === message && line.uid === grant.metadata.uid);
}

describe('the log of the controller', () => {
  test('has one line of a consumption as soon as its answer is there, and none of a use that was refused', async () => {
    const scene = await createScene(plane, namespace);
    const other = await createScene(plane, namespace);
    await expect(exchange.mustUse(other.pod, scene.call)).rejects.toThrow('GrantRequired');
    expect(linesOf(scene, CONSUMED)).toEqual([]);

    const { nonce, credential } = await exchange.mustUse(scene.pod, scene.call);
    const lines = linesOf(scene, CONSUMED);
    expect(credential?.token).toMatch(/^ey/);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'info',
        component: 'controller',
        time: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
        namespace,
        grant: scene.grant.metadata.name,
        uid: scene.grant.metadata.uid,
        pod: `${namespace}/${scene.pod.podName}`,
        nonce,
        credentialID: expect.stringMatching(/./),
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain(credential?.token);
  });

  test('has the line of a collection, with what became of the grant, once the grant is gone', async () => {
    const scene = await createScene(plane, namespace, { ttlSecondsAfterFinished: 10 });
    const { nonce, grant, credential } = await exchange.mustUse(scene.pod, scene.call);
    const report = {
      outcome: 'Succeeded',
      grant,
      credentialToken: credential?.token ?? '',
    } as const;
    expect(await exchange.finish(scene.pod, nonce, report)).toMatchObject({ status: 200 });
    await untilPhase(plane, scene.grant, 'Finished');
    expect(linesOf(scene, COLLECTED)).toEqual([]);

    // It is kept for 10 s; then it matters what is there in the moment in which it is gone.
    await sleep(9_000);
    const path = `${grantsPath(namespace)}/${scene.grant.metadata.name}`;
    const lines = await eventually(
      async () => {
        const { status } = await plane.request('GET', path);
        if (status !== 404) throw new Error(`the grant is still there: ${status}`);
        return linesOf(scene, COLLECTED);
      },
      { withinMilliseconds: 60_000, everyMilliseconds: 5 },
    );
    expect(lines).not.toEqual([]);
    for (const line of lines) {
      expect(line).toMatchObject({
        namespace,
        grant: scene.grant.metadata.name,
        spec: { agent: { serviceAccountName: scene.pod.serviceAccountName } },
        status: { phase: 'Finished', uses: [{ id: nonce, podName: scene.pod.podName }] },
      });
    }
  }, 120_000);
});
