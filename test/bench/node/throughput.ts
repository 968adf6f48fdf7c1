/**
 * Forwarding in the same pod layout: nothing in between, our interception with an exchange that always says yes, squid with
 * ssl-bump and mitmproxy. Requests of 1 KiB from wrk, in turn, in the same run.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeCluster } from '../../support/node/node-cluster.ts';
import { onFreeAddress, registerNames } from '../../support/node/upstreams.ts';
import { issue } from '../../support/pki.ts';
import { BenchChild, besides, processorMicroseconds, residentMegabytes } from '../child.ts';
import { ORIGIN, type OriginOptions } from '../forwarding-load.ts';
import { median } from '../statistics.ts';
import type { NodeBenchmark } from './benchmark.ts';
import { PROXIES, type ProxyName, proxyPod } from './proxy-pods.ts';
import { PLAIN } from './stage.ts';

const ROUNDS = 3;
const SECONDS = 4;
const MANY = 64;
const PATIENCE_MILLISECONDS = 60_000;

interface Load {
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  /** Of the proxy, for one request. */
  readonly processorMicroseconds: number;
}

export const throughput: NodeBenchmark = {
  name: 'throughput',
  async run({ cluster }, say) {
    const { certificate, key } = await issue(cluster.upstreamAuthority, {
      commonName: ORIGIN,
      dnsNames: [ORIGIN],
      usage: 'server',
    });
    using origin = new BenchChild(besides(import.meta.url, '../forwarding-load'));
    const { address } = await onFreeAddress(probe);
    await origin.ask<number>({
      type: 'Origin',
      certificate,
      key,
      listen: { host: address, port: 443 },
    } satisfies OriginOptions);
    const forget = await registerNames(cluster, [ORIGIN], [address]);
    try {
      for (const name of PROXIES) {
        const ca = cluster.upstreamAuthority.certificate;
        await cluster.apply(proxyPod(name, ca, cluster.productImage));
        await cluster.untilPodReady(PLAIN, name);
        await untilForwarding(cluster, name);
      }
      const one = await inTurn(cluster, 1);
      const many = await inTurn(cluster, MANY);
      const direct = rate(many, 'direct');
      const figures = PROXIES.filter((name) => name !== 'direct').flatMap((name) => [
        {
          key: `pod_forward_c64_ratio_${name}`,
          value: rate(many, name) / direct,
          meaning: `requests/s over direct, ${MANY} connections: ${name}`,
          ...(name === 'ours' ? { goal: { atLeast: 0.5 } } : {}),
        },
        {
          key: `pod_forward_c1_added_us_${name}`,
          value: p50(one, name) - p50(one, 'direct'),
          meaning: `one connection, p50 minus direct p50: ${name}`,
        },
        {
          key: `pod_forward_processor_us_${name}`,
          value: median((many.get(name) ?? []).map((load) => load.processorMicroseconds)),
          meaning: `processor time of ${name} for one request`,
        },
      ]);
      const memory = await Promise.all(
        PROXIES.filter((name) => name !== 'direct').map(async (name) => ({
          key: `pod_forward_mb_${name}`,
          value: residentMegabytes(await proxyProcess(cluster, name)),
          meaning: `resident after the load: ${name}`,
        })),
      );
      say(PROXIES.map((name) => `${name} ${rate(many, name).toFixed(0)} requests/s`).join(', '));
      return [...figures, ...memory];
    } finally {
      await forget();
      await cluster.kubectl(['delete', 'pod', ...PROXIES, `--namespace=${PLAIN}`, '--now']);
    }
  },
};

/** @throws Error with EADDRINUSE if somebody listens there */
async function probe(host: string): Promise<void> {
  const server = createServer().listen(443, host);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

/** Every proxy's load, one after the other, so often; the first time is for the compilers. */
async function inTurn(cluster: NodeCluster, connections: number): Promise<Map<ProxyName, Load[]>> {
  const loads = new Map<ProxyName, Load[]>(PROXIES.map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of PROXIES) {
      const result = await load(cluster, name, connections);
      if (round > 0) loads.get(name)?.push(result);
    }
  }
  return loads;
}

async function load(cluster: NodeCluster, name: ProxyName, connections: number): Promise<Load> {
  const pid = name === 'direct' ? undefined : await proxyProcess(cluster, name);
  const before = pid === undefined ? 0 : processorMicroseconds(pid);
  const { code, stdout, stderr } = await cluster.exec(PLAIN, name, [
    ...['wrk', '--threads=1', `--connections=${connections}`, `--duration=${SECONDS}s`],
    ...['--latency', '--timeout=10s', `https://${ORIGIN}/v1/item`],
  ]);
  if (code !== 0) throw new Error(`wrk in ${name}: ${stderr}`);
  if (stdout.includes('Non-2xx')) throw new Error(`${name} did not forward: ${stdout}`);
  const spent = pid === undefined ? 0 : processorMicroseconds(pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const [, p50Text = '', unit = ''] = /50%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Microseconds: Number(p50Text) * ({ us: 1, ms: 1e3, s: 1e6 }[unit] ?? Number.NaN),
    processorMicroseconds: spent / requests,
  };
}

async function untilForwarding(cluster: NodeCluster, name: ProxyName): Promise<void> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const curl = ['curl', '--insecure', '--silent', '--show-error', '--fail', '--max-time', '3'];
    const { code, stderr } = await cluster.exec(PLAIN, name, [
      ...curl,
      `https://${ORIGIN}/v1/item`,
    ]);
    if (code === 0) return;
    if (performance.now() > deadline) {
      const logs = await cluster.kubectl(['logs', name, `--namespace=${PLAIN}`, '-c=proxy']);
      throw new Error(`${name} does not forward: ${stderr}\n${logs.stdout}`);
    }
    await sleep(300);
  }
}

async function proxyProcess(cluster: NodeCluster, name: ProxyName): Promise<number> {
  return (await cluster.containerProcess(PLAIN, name, 'proxy')).pid;
}

function rate(loads: Map<ProxyName, Load[]>, name: ProxyName): number {
  return median((loads.get(name) ?? []).map((each) => each.requestsPerSecond));
}

function p50(loads: Map<ProxyName, Load[]>, name: ProxyName): number {
  return median((loads.get(name) ?? []).map((each) => each.p50Microseconds));
}
