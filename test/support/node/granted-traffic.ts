import { setTimeout as sleep } from 'node:timers/promises';
import { createUsableGrant } from '../grants.ts';
import type { NodeCluster } from './node-cluster.ts';
import type { ResidentAgent } from './resident-agent.ts';

/** Grants that wait to be used: enough while the controller's replicas hand over. */
const STOCK = 24;
const TOGETHER = 4;

/** What one agent calls, and with which account's token. */
export interface TrafficOptions {
  readonly cluster: NodeCluster;
  readonly agent: ResidentAgent;
  /** ServiceAccount of the agent's pod. */
  readonly agentAccount: string;
  /** ServiceAccount that the grants lend. */
  readonly lentAccount: string;
  /** `https://…`, to which a number is added. */
  readonly url: string;
  /** Between two calls. Default: 60. */
  readonly pauseMilliseconds?: number;
}

export interface TrafficReport {
  readonly calls: number;
  /** How long the slowest took, in milliseconds. */
  readonly slowest: number;
  /** Calls that were not answered with 200. */
  readonly failures: readonly string[];
  /** Grants that could not be created, or were not approved. */
  readonly ungranted: readonly string[];
}

/** Granted calls of one agent, one after another, each with a grant of its own, until it is told to end. */
export interface GrantedTraffic {
  /** Resolves after so many further calls. @throws Error if they take more than 30 s */
  more(calls: number): Promise<void>;
  /** Resolves once there were so many calls in all. @throws Error if that takes more than 30 s */
  atLeast(calls: number): Promise<void>;
  end(): Promise<TrafficReport>;
}

/** Starts it. What fails is in the report, so nothing ends the traffic but {@link GrantedTraffic.end}. */
export function startTraffic({
  cluster,
  agent,
  agentAccount,
  lentAccount,
  url,
  pauseMilliseconds = 60,
}: TrafficOptions): GrantedTraffic {
  const { origin } = new URL(url);
  const failures: string[] = [];
  const ungranted: string[] = [];
  const stock: string[] = [];
  let [granted, calls, slowest, ended] = [0, 0, 0, false];

  const grantOne = async (): Promise<void> => {
    const target = `${url}${++granted}`;
    const spec = {
      agent: { serviceAccountName: agentAccount },
      action: { type: 'HTTP' as const, http: { method: 'POST', url: target } },
      credential: {
        type: 'ServiceAccountToken' as const,
        serviceAccountToken: { serviceAccountName: lentAccount, audience: origin },
      },
    };
    try {
      await createUsableGrant(cluster, agent.namespace, { spec });
      stock.push(target);
    } catch (error) {
      ungranted.push(`${new Date().toISOString()} ${target}: ${error}`);
    }
  };
  const grant = async (): Promise<void> => {
    while (!ended) {
      if (stock.length < STOCK) await Promise.all(Array.from({ length: TOGETHER }, grantOne));
      else await sleep(pauseMilliseconds);
    }
  };
  const call = async (): Promise<void> => {
    while (!ended) {
      const target = stock.shift();
      if (target !== undefined) {
        const start = performance.now();
        const answer = await agent.call({ method: 'POST', url: target });
        const worked = 'status' in answer && answer.status === 200;
        if (!worked)
          failures.push(`${new Date().toISOString()} ${target}: ${JSON.stringify(answer)}`);
        slowest = Math.max(slowest, performance.now() - start);
        calls++;
      }
      await sleep(pauseMilliseconds);
    }
  };
  const running = Promise.all([grant(), call()]);

  const atLeast = async (goal: number): Promise<void> => {
    const deadline = performance.now() + 30_000;
    while (calls < goal) {
      if (performance.now() > deadline) {
        throw new Error(`${calls} of ${goal} calls: ${[...failures, ...ungranted].join('\n')}`);
      }
      await sleep(pauseMilliseconds);
    }
  };

  return {
    atLeast,
    more: (further) => atLeast(calls + further),
    async end() {
      ended = true;
      await running;
      return { calls, slowest: Math.round(slowest), failures, ungranted };
    },
  };
}
