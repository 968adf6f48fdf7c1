/** Calls that are under way while something dies, and what must hold of them afterwards. */

import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { ActionGrant, ActionGrantSpec } from '../../../core/api/generated/actiongrant.ts';
import type { Phase } from '../../../core/api/phase.ts';
import { anHttpAction } from '../builders.ts';
import { createServiceAccount, createUsableGrant, untilGrant } from '../grants.ts';
import { reviewedUser } from '../upstream.ts';
import { type AgentNamespace, useAgentNamespace } from './agent-namespaces.ts';
import { type GrantedTraffic, startTraffic } from './granted-traffic.ts';
import type { NodeCluster } from './node-cluster.ts';
import { ensureInstalled } from './release.ts';
import {
  type ResidentAgent,
  type ResidentAnswer,
  type ResidentCall,
  startResidentAgent,
} from './resident-agent.ts';
import { type NodeUpstream, startNodeUpstream } from './upstreams.ts';

/** The API server may accept a token for 10 s from its first use, here with a margin. */
const TOKEN_DEATH_MILLISECONDS = 11_000;
const NEVER_GRANTED = '/v1/never-granted';

/** One call with its grant, which can be used now. */
export interface FaultScene {
  readonly path: string;
  readonly call: ResidentCall;
  readonly grant: ActionGrant;
}

/** A call that the service has carried out, and whose answer it holds back. */
export interface CallUnderWay extends FaultScene {
  /** Never rejects unnoticed: it may end while a test waits for something else. */
  readonly answer: Promise<ResidentAnswer>;
  /** Lets the service answer. */
  release(): void;
}

/** What the record and the service must say of a scene in the end. */
export interface SceneEnd {
  /** Default: Finished. */
  readonly phase?: Phase;
  /** Of each use, oldest first. */
  readonly outcomes: readonly string[];
  /** How often the service carried it out. */
  readonly effects: number;
  readonly withinMilliseconds?: number;
}

/** It was carried out, and nobody is left who saw the answer. */
export const UNKNOWN: SceneEnd = {
  outcomes: ['Unknown'],
  effects: 1,
  // A deadline of a few seconds, slack, and a margin for a busy machine.
  withinMilliseconds: 20_000,
};
export const SUCCEEDED: SceneEnd = { outcomes: ['Succeeded'], effects: 1 };

/** An agent namespace and a service of one test file's own. */
export class FaultScenes {
  readonly namespace: string;
  readonly upstream: NodeUpstream;
  /** A call that nobody grants. */
  readonly neverGranted: ResidentCall;
  readonly #cluster: NodeCluster;
  readonly #agents: AgentNamespace;
  readonly #service: string;
  readonly #account: string;
  /** Paths whose requests the service answers only after `resolve()`. */
  readonly #held: Map<string, PromiseWithResolvers<void>>;

  private constructor(
    cluster: NodeCluster,
    parts: {
      agents: AgentNamespace;
      upstream: NodeUpstream;
      service: string;
      account: string;
      held: Map<string, PromiseWithResolvers<void>>;
    },
  ) {
    this.#cluster = cluster;
    this.namespace = parts.agents.name;
    this.upstream = parts.upstream;
    this.neverGranted = { method: 'POST', url: `${parts.service}${NEVER_GRANTED}` };
    this.#agents = parts.agents;
    this.#service = parts.service;
    this.#account = parts.account;
    this.#held = parts.held;
  }

  /** Makes sure that the product is installed. `host` must be the test file's own name. */
  static async start(cluster: NodeCluster, host: string): Promise<FaultScenes> {
    const held = new Map<string, PromiseWithResolvers<void>>();
    const [agents, upstream] = await Promise.all([
      ensureInstalled(cluster).then(() => useAgentNamespace(cluster)),
      startNodeUpstream(cluster, {
        names: [host],
        async answer({ path }) {
          await held.get(path)?.promise;
          return { status: 200 };
        },
      }),
    ]);
    // Of its own: what is left in a namespace may be another run's.
    const account = `edr-${randomBytes(4).toString('hex')}`;
    await createServiceAccount(cluster, agents.name, account);
    return new FaultScenes(cluster, {
      agents,
      upstream,
      service: `https://${host}`,
      account,
      held,
    });
  }

  async close(): Promise<void> {
    for (const { resolve } of this.#held.values()) resolve();
    await this.#agents.release();
    await this.upstream.close();
  }

  /** @param farewell what the agent calls when it is told to end */
  startAgent(name: string, farewell?: ResidentCall): Promise<ResidentAgent> {
    return startResidentAgent(this.#cluster, this.namespace, name, farewell);
  }

  /** Granted calls of an agent, each with a grant of its own, to {@link trafficPath} and a number. */
  startTraffic(agent: ResidentAgent, name: string, pauseMilliseconds: number): GrantedTraffic {
    return startTraffic({
      cluster: this.#cluster,
      agent,
      agentAccount: 'default',
      lentAccount: this.#account,
      url: `${this.#service}${this.trafficPath(agent, name)}`,
      pauseMilliseconds,
    });
  }

  trafficPath(agent: ResidentAgent, name: string): string {
    return `/v1/traffic/${name}/${agent.name}/`;
  }

  async scene(spec: Partial<ActionGrantSpec> = {}): Promise<FaultScene> {
    const path = `/v1/hosts/${randomBytes(4).toString('hex')}/quarantine`;
    const body = { reason: 'beaconing' };
    const url = `${this.#service}${path}`;
    const grant = await createUsableGrant(this.#cluster, this.namespace, {
      spec: {
        agent: { serviceAccountName: 'default' },
        action: anHttpAction({ url, body: { type: 'JSON', json: JSON.stringify(body) } }),
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: { serviceAccountName: this.#account, audience: this.#service },
        },
        ...spec,
      },
    });
    return { path, call: { method: 'POST', url, body }, grant };
  }

  /** @throws Error if the call ends before the service has carried it out */
  async underWay(agent: ResidentAgent, spec: Partial<ActionGrantSpec>): Promise<CallUnderWay> {
    const at = await this.scene(spec);
    const held = Promise.withResolvers<void>();
    this.#held.set(at.path, held);
    const answer = agent.call(at.call);
    answer.catch(() => undefined);
    await Promise.race([
      this.upstream.effect(`POST ${at.path}`),
      answer.then((early) => {
        throw new Error(`the call ended before it was carried out: ${JSON.stringify(early)}`);
      }),
    ]);
    return { ...at, answer, release: held.resolve };
  }

  /** The record and the service's own account are these in the end, and what the record says of the credential is true. */
  async expectEnd(at: FaultScene, expected: SceneEnd): Promise<void> {
    const { phase = 'Finished', outcomes, effects, withinMilliseconds = 10_000 } = expected;
    const { status } = await untilGrant(
      this.#cluster,
      at.grant,
      ({ status }) =>
        status?.phase === phase &&
        (status.uses ?? []).filter(({ outcome }) => outcome !== undefined).length ===
          outcomes.length,
      `is not ${phase} after ${outcomes.length} uses`,
      withinMilliseconds,
    );
    expect(status?.uses?.map(({ outcome }) => outcome) ?? []).toEqual(outcomes);
    if (phase === 'Finished') expect(status?.outcome).toBe(outcomes.at(-1));
    this.expectEffects(at, effects, JSON.stringify(status));
    for (const { credential } of status?.uses ?? []) {
      expect(credential?.deletedTime).toBeDefined();
      const secret = `/api/v1/namespaces/${this.namespace}/secrets/${credential?.secretName}`;
      expect((await this.#cluster.request('GET', secret)).status).toBe(404);
    }
  }

  /** How often the service has carried it out. */
  expectEffects({ path }: FaultScene, times: number, context = ''): void {
    expect(this.upstream.count(`POST ${path}`), `effects of ${path} ${context}`).toBe(times);
  }

  /** A granted call works at the first try, and one that nobody granted is refused for that reason. */
  async expectToWork(agent: ResidentAgent): Promise<void> {
    const at = await this.scene();
    expect(await agent.call(at.call)).toMatchObject({ status: 200 });
    await this.expectEnd(at, SUCCEEDED);
    await this.expectToNeedGrant(agent);
  }

  async expectToNeedGrant(agent: ResidentAgent): Promise<void> {
    expect(await agent.call(this.neverGranted)).toMatchObject({
      status: 403,
      code: 'GrantRequired',
    });
  }

  /**
   * Nothing came to the service but what was granted, and every token that it saw is dead. Those that the API server may
   * still remember are left out: that their Secrets are gone, each scene's end has checked.
   */
  async expectNothingLeft(): Promise<void> {
    const { effects, requests } = this.upstream;
    expect(this.upstream.count(`POST ${NEVER_GRANTED}`)).toBe(0);
    expect(requests.length, 'everything that came was granted').toBe(effects.length);
    const forgotten = performance.now() - TOKEN_DEATH_MILLISECONDS;
    const old = effects.filter(({ receivedAt }) => receivedAt < forgotten);
    expect(old.length).toBeGreaterThan(0);
    const users = old.map(({ token }) => reviewedUser(this.#cluster, token ?? '', this.#service));
    expect((await Promise.all(users)).filter((user) => user !== undefined)).toEqual([]);
  }
}
