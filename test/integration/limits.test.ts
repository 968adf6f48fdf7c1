/** What a namespace and an agent may pile up, with the chart's own admission and a controller that is told small limits. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { aNewGrant } from '../support/builders.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { createGrant, grantsPath, untilPhase } from '../support/grants.ts';
import { type Product, startProduct } from '../support/product.ts';

const MOST_PENDING = 2;
const MOST_FINISHED = 3;

let plane: OwnControlPlane;
let product: Product;
let namespace: string;
let neighbour: string;

beforeAll(async () => {
  plane = await startControlPlane();
  namespace = await plane.createNamespace('soc');
  neighbour = await plane.createNamespace('desk');
  product = await startProduct(plane, {
    replicas: 2,
    agentNamespaces: [namespace, neighbour],
    replica: {
      environment: {
        ACTIONGRANT_MAX_PENDING_PER_AGENT: `${MOST_PENDING}`,
        ACTIONGRANT_MAX_FINISHED_PER_NAMESPACE: `${MOST_FINISHED}`,
      },
    },
  });
}, 120_000);

afterAll(async () => {
  await product?.stop();
  await plane?.stop();
});

const grantsOf = async (where: string): Promise<readonly ActionGrant[]> =>
  (await plane.api<{ items: ActionGrant[] }>('GET', grantsPath(where))).items;

describe('grants for one agent that wait for a decision', () => {
  const agent = (serviceAccountName: string) => ({ spec: { agent: { serviceAccountName } } });
  const ask = (where: string, grant: Parameters<typeof aNewGrant>[0], query = '') =>
    plane.request<ActionGrant & { message: string }>(
      'POST',
      `${grantsPath(where)}${query}`,
      aNewGrant(grant),
    );
  /** Replicas count what they have heard of, each by itself: asked without effect until every one answers so. */
  const untilAnswered = (status: number, grant: Parameters<typeof aNewGrant>[0]) =>
    eventually(async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => ask(namespace, grant, '?dryRun=All')),
      );
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
      return answers[0]?.body.message ?? '';
    });

  test('are as many as the limit says: the next is refused with a way out, and others wait as before', async () => {
    const created: ActionGrant[] = [];
    for (let count = 0; count < MOST_PENDING; count++) {
      const answer = await ask(namespace, agent('eager'));
      expect(answer.status).toBe(201);
      created.push(answer.body);
    }
    const message = await untilAnswered(403, agent('eager'));
    expect(message).toContain(`spec.agent: ${MOST_PENDING} grants for ${namespace}/eager wait`);
    expect(message).toContain('limits.maxPendingPerAgent');
    expect(message).toContain('delete what nobody needs: kubectl get actiongrants');
    expect((await ask(namespace, agent('eager'))).status).toBe(403);
    // Neither another agent, nor its namesake elsewhere, nor what waits for nobody.
    expect((await ask(namespace, agent('other'))).status).toBe(201);
    expect((await ask(neighbour, agent('eager'))).status).toBe(201);
    const decided = { spec: { ...agent('eager').spec, approvedByRequester: true } };
    expect((await ask(namespace, decided, '?dryRun=All')).status).toBe(201);
    // One less waits: there is room again.
    await plane.api('DELETE', `${grantsPath(namespace)}/${created[0]?.metadata.name}`);
    await untilAnswered(201, agent('eager'));
    expect((await ask(namespace, agent('eager'))).status).toBe(201);
  });
});

describe('grants that have ended', () => {
  /** Nobody decides it in time. */
  const endOne = async (where: string, afterSeconds: number): Promise<string> => {
    const grant = await createGrant(plane, where, {
      spec: {
        agent: { serviceAccountName: 'patient' },
        approvedByRequester: true,
        useDeadlineSeconds: afterSeconds,
        ttlSecondsAfterFinished: 3600,
        credential: undefined as never,
      },
    });
    await untilPhase(plane, grant, 'Expired', 40_000);
    return grant.metadata.name;
  };
  const ended = async (where: string): Promise<string[]> =>
    (await grantsOf(where))
      .filter(({ status }) => status?.phase === 'Expired')
      .map(({ metadata }) => metadata.name)
      .sort();

  test('are kept up to the limit of their namespace: the ones that ended first go, those of others stay', async () => {
    const [[elsewhere, ...early], late] = await Promise.all([
      Promise.all([neighbour, namespace, namespace].map((where) => endOne(where, 10))),
      Promise.all(Array.from({ length: MOST_FINISHED }, () => endOne(namespace, 15))),
    ]);
    await eventually(async () => expect(await ended(namespace)).toEqual([...late].sort()), {
      withinMilliseconds: 20_000,
      everyMilliseconds: 50,
    });
    expect(await ended(neighbour)).toEqual([elsewhere]);
    const lines = (await Promise.all(product.replicas.map((replica) => replica.log())))
      .join('\n')
      .split('\n')
      .filter((line) => line.includes('a grant that has ended is deleted'))
      .map((line) => JSON.parse(line) as { grant: string; reason: string; status: unknown });
    // One may be there twice: until the watch tells that it is gone, it is found again, and the line comes before the deletion.
    expect(new Set(lines.map(({ grant }) => grant))).toEqual(new Set(early));
    for (const line of lines) {
      expect(line).toMatchObject({
        reason: 'its namespace keeps newer ones',
        status: { phase: 'Expired' },
      });
    }
  }, 120_000);
});
