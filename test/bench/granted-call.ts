/**
 * A granted call through a real sidecar and a real controller, over the least that any such design must do for it: mint a
 * token, write that it is in use, and make the call on a connection of its own. Both in turn, in the same run.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as send } from 'node:https';
import { ProxyAgent, request } from 'undici';
import { mint } from '../../controller/credentials/mint.ts';
import { untilPhase } from '../support/grants.ts';
import { issuingWith } from '../support/issuing.ts';
import { issuePodToken, type PodToken } from '../support/kubelet.ts';
import { SERVICE } from '../support/scene.ts';
import type { Benchmark } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { consumingWrite } from './floor.ts';
import { median, milliseconds, quantile } from './statistics.ts';
import { AGENT, type BenchGrant, BODY } from './usable-grants.ts';

const ROUNDS = 200;
const WARM_UP = 20;
/** On a machine that is busy with other things fewer rounds must do. */
const LIMIT_MILLISECONDS = 75_000;
const BODY_TEXT = JSON.stringify(BODY);

export const grantedCall: Benchmark = {
  name: 'granted-call',
  async run(start, say) {
    const environment = await start();
    const { plane, product, namespace, upstream } = environment;
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: AGENT });
    const sidecar = await product.startSidecar({
      namespace,
      serviceAccountName: AGENT,
      connectTo: new Map([[`${new URL(SERVICE).host}:443`, `127.0.0.1:${upstream.port}`]]),
      trustBundle: upstream.caPem,
      environment: {
        // Straight to a replica, as kube-proxy would connect it; the test's balancer is one process more.
        ACTIONGRANT_CONTROLLER_URLS: `https://127.0.0.1:${product.replicas[0]?.port}`,
      },
    });
    const agent = new ProxyAgent({
      uri: sidecar.proxyURL,
      requestTls: { ca: readFileSync(sidecar.caFile, 'utf8') },
    });
    const granted: number[] = [];
    const floor: number[] = [];
    try {
      const grants = await environment.usableGrants(2 * (ROUNDS + WARM_UP));
      const end = performance.now() + LIMIT_MILLISECONDS;
      for (let round = 0; round < ROUNDS + WARM_UP && performance.now() < end; round++) {
        const [mine, theirs] = [grants[2 * round], grants[2 * round + 1]];
        if (mine === undefined || theirs === undefined) throw new Error('grants are missing');
        const steps = [
          async () => record(granted, round, await throughSidecar(environment, agent, mine)),
          async () => record(floor, round, await byHand(environment, pod, theirs)),
        ];
        // Neither is always the first.
        if (round % 2 === 1) steps.reverse();
        for (const step of steps) await step();
      }
    } finally {
      await agent.destroy();
      await sidecar.stop();
    }
    const [p50, p99] = [median(granted), quantile(granted, 0.99)];
    const [floor50, floor99] = [median(floor), quantile(floor, 0.99)];
    say(
      `${granted.length} rounds: granted call p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}; floor p50 ${milliseconds(floor50)}, p99 ${milliseconds(floor99)}`,
    );
    const goal = { atMost: 1.25 };
    return [
      {
        key: 'granted_call_p50_ratio',
        value: p50 / floor50,
        meaning: 'granted call / floor',
        goal,
      },
      {
        key: 'granted_call_p99_ratio',
        value: p99 / floor99,
        meaning: 'granted call / floor',
        goal,
      },
      { key: 'granted_call_p50_ms', value: p50, meaning: 'granted call' },
      { key: 'granted_call_p99_ms', value: p99, meaning: 'granted call' },
      { key: 'granted_call_floor_p50_ms', value: floor50, meaning: 'token + write + call' },
      { key: 'granted_call_floor_p99_ms', value: floor99, meaning: 'token + write + call' },
    ];
  },
};

function record(times: number[], round: number, time: number): void {
  if (round >= WARM_UP) times.push(time);
}

async function throughSidecar(
  { plane }: Environment,
  dispatcher: ProxyAgent,
  { grant, url }: BenchGrant,
): Promise<number> {
  const start = performance.now();
  const response = await request(url, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json' },
    body: BODY_TEXT,
  });
  const text = await response.body.text();
  const time = performance.now() - start;
  if (response.statusCode !== 200) throw new Error(`${url} was refused: ${text}`);
  // Its report is not part of the call, and must not become part of the next one.
  await untilPhase(plane, grant, 'Finished');
  return time;
}

async function byHand(environment: Environment, pod: PodToken, mine: BenchGrant): Promise<number> {
  const { client, upstream, exchange } = environment;
  const nonce = randomUUID();
  const start = performance.now();
  const credential = await mint(issuingWith(client), mine.grant, 10_000);
  if (credential === undefined) throw new Error('the grant has no credential');
  await consumingWrite(environment.client, mine, pod, nonce, credential);
  const credentialToken = credential.token.reveal();
  await callDirectly(new URL(mine.url), upstream.port, upstream.caPem, credentialToken);
  const time = performance.now() - start;
  const { namespace, name, uid } = mine.grant.metadata;
  const grant = { namespace, name, uid };
  await exchange.finish(pod, nonce, { outcome: 'Succeeded', grant, credentialToken });
  return time;
}

/** The same call without anything between, on a new TLS connection. */
function callDirectly(url: URL, port: number, ca: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = send(
      {
        host: '127.0.0.1',
        port,
        servername: url.hostname,
        path: url.pathname,
        method: 'POST',
        ca,
        agent: false,
        headers: {
          host: url.host,
          'content-type': 'application/json',
          'content-length': BODY_TEXT.length,
          authorization: `Bearer ${token}`,
        },
      },
      (response) => {
        response.resume();
        response.once('end', resolve);
        response.once('error', reject);
      },
    );
    call.once('error', reject);
    call.end(BODY_TEXT);
  });
}
