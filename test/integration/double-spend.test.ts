import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callThrough } from '../support/agent-call.ts';
import { anHttpAction } from '../support/builders.ts';
import { audit, type ContentionOptions, contend } from '../support/contention.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { Exchange } from '../support/exchange.ts';
import { createUsableGrant, untilPhase } from '../support/grants.ts';
import { type Product, type SidecarProcess, startProduct } from '../support/product.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

/*
 * One grant, one effect: however many pods ask however many replicas at the same time, however often a message is repeated,
 * and also after an attempt that sent nothing was given back.
 */

const REPLICAS = 3;
const MINIMUM_ATTEMPTS = 10_000;
/** More than a sidecar waits for an authorization here. */
const ANSWER_MILLISECONDS = 90_000;

let plane: OwnControlPlane;
let product: Product;
let exchange: Exchange;
let fights: string;
let calls: string;

beforeAll(async () => {
  plane = await startControlPlane();
  fights = await plane.createNamespace('fights');
  calls = await plane.createNamespace('calls');
  product = await startProduct(plane, {
    replicas: REPLICAS,
    agentNamespaces: [fights, calls],
    // What is tested here is not the rate limit.
    replica: { environment: { ACTIONGRANT_POD_RATE_PER_SECOND: '100000' } },
  });
  exchange = new Exchange(product);
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
  await plane?.stop();
}, 60_000);

test('200 grants fought over in 10,000 attempts have at most one effect each, and every credential is on record', async ({
  annotate,
}) => {
  const options: ContentionOptions = {
    plane,
    product,
    exchange,
    namespace: fights,
    grants: 200,
    attemptsPerGrant: 45,
    actionsAtOnce: 16,
    seed: Date.now() % 2 ** 31,
  };
  const result = await contend(options);
  await annotate(
    `seed ${options.seed}: ${result.attempts} attempts in ${result.seconds.toFixed(1)} s, ${result.wins.length} won`,
  );
  expect(await audit(options, result)).toEqual([]);
  expect(result.attempts).toBeGreaterThanOrEqual(MINIMUM_ATTEMPTS);
  // Some were given back and won again: that path was taken, too.
  expect(result.wins.length).toBeGreaterThan(options.grants);
  expect(result.refusals.get('AlreadyUsed')).toBeGreaterThan(0);
}, 300_000);

describe('through real sidecars', () => {
  const PODS = 3;
  const GRANTS = 12;
  const CALLS_PER_POD = 4;
  let upstream: Upstream;
  let sidecars: SidecarProcess[];

  beforeAll(async () => {
    upstream = await startUpstream({ plane, names: ['edr.example.com'] });
    await plane.api('POST', `/api/v1/namespaces/${calls}/serviceaccounts`, {
      metadata: { name: 'edr-quarantine' },
    });
    sidecars = await Promise.all(
      Array.from({ length: PODS }, () =>
        product.startSidecar({
          namespace: calls,
          serviceAccountName: 'incident-agent',
          connectTo: new Map([['edr.example.com:443', `127.0.0.1:${upstream.port}`]]),
          trustBundle: upstream.caPem,
          // A sidecar asks for so many at a time; the last of many calls at once waits for those before.
          environment: { ACTIONGRANT_USE_WAIT_MILLISECONDS: '60000' },
        }),
      ),
    );
  }, 60_000);

  afterAll(() => upstream?.close());

  test('the service sees every granted call once, and none of the others', async () => {
    const hosts = Array.from({ length: GRANTS }, (_, index) => `/v1/hosts/raced-${index}`);
    const grants = await Promise.all(
      hosts.map((path) =>
        createUsableGrant(plane, calls, {
          spec: { action: anHttpAction({ url: `https://edr.example.com${path}` }) },
        }),
      ),
    );
    const answers = await Promise.all(
      hosts.flatMap((path) =>
        sidecars.flatMap((sidecar) =>
          Array.from({ length: CALLS_PER_POD }, async () => {
            const url = `https://edr.example.com${path}`;
            const body = { reason: 'beaconing' };
            const { status } = await callThrough(
              sidecar,
              'POST',
              url,
              body,
              {},
              ANSWER_MILLISECONDS,
            );
            return { path, status };
          }),
        ),
      ),
    );
    for (const path of hosts) {
      const own = answers.filter((answer) => answer.path === path);
      expect(own.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(own.filter(({ status }) => status !== 200 && status !== 403)).toEqual([]);
      expect(upstream.count(`POST ${path}`)).toBe(1);
    }
    // Nothing that was refused came as far as the service.
    expect(upstream.requests).toHaveLength(GRANTS);
    for (const grant of grants) {
      const { status } = await untilPhase(plane, grant, 'Finished');
      expect(status?.outcome).toBe('Succeeded');
      expect(status?.uses).toHaveLength(1);
      const [use] = status?.uses ?? [];
      expect(sidecars.map(({ pod }) => pod.podUid)).toContain(use?.podUID);
    }
  }, 180_000);
});
