import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import type { UseAnswer, UseRequest } from '../../core/wire/use.ts';
import { anHttpAction } from './builders.ts';
import type { ControlPlane, KubeObject } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { anHttpCall, type Exchange, type ExchangeAnswer } from './exchange.ts';
import { createGrant, grantsPath } from './grants.ts';
import { issuePodToken, type PodToken } from './kubelet.ts';
import type { Product } from './product.ts';

/*
 * A fight over grants: many pods ask every replica at once for the same few actions, repeat their own and each other's
 * messages, and give some grants back. `audit` then compares three accounts that must agree: what the pods were handed, what
 * the API server holds, and the effects that the handed-over credentials had.
 */

export interface ContentionOptions {
  plane: ControlPlane;
  product: Product;
  exchange: Exchange;
  namespace: string;
  grants: number;
  /** Contenders for each grant, before any comes again. */
  attemptsPerGrant: number;
  /** Actions fought over at the same time. */
  actionsAtOnce: number;
  /** What is drawn by lot is drawn from this. */
  seed: number;
}

/** One credential that was handed over. */
export interface Win {
  readonly answer: UseAnswer;
  readonly pod: PodToken;
  /** `jti` of the token. */
  readonly credentialID: string;
  /** Whether its pod made the call; if not, it gave the grant back. */
  readonly effect: boolean;
}

export interface ContentionResult {
  /** Use requests sent. */
  readonly attempts: number;
  readonly wins: readonly Win[];
  /** Answers to those that got nothing, by code. */
  readonly refusals: ReadonlyMap<string, number>;
  /** What must not have been answered. */
  readonly oddities: readonly string[];
  readonly seconds: number;
  /** Milliseconds of every use request. */
  readonly latencies: readonly number[];
}

const AGENTS = ['incident-agent', 'help-desk-agent', 'remediation-agent'];
const PODS_PER_AGENT = 4;
const CREDENTIAL_ACCOUNT = 'edr-quarantine';
/** One action in so many has several grants. */
const SHARED_ONE_IN = 8;
const GRANTS_OF_SHARED = 3;
const GIVE_BACK_SHARE = 0.15;
const REPEAT_SHARE = 0.1;
const CREATORS = 12;
const MAX_ROUNDS = 12;
const CONTENDERS_AGAIN = 6;
/** What a loser may be told. */
const LOST = new Set(['GrantRequired', 'AlreadyUsed', 'UseRaced']);

/** An action that is fought over. */
interface Prize {
  readonly agent: string;
  readonly call: UseRequest['action'];
  readonly grants: number;
}

export async function contend(options: ContentionOptions): Promise<ContentionResult> {
  const { plane, namespace, seed } = options;
  const random = generator(seed);
  const pods = await issuePods(plane, namespace);
  const prizes = await createPrizes(options);
  const state = { attempts: 0, wins: [] as Win[], refusals: new Map<string, number>() };
  const oddities: string[] = [];
  const latencies: number[] = [];

  const ask = async (
    pod: PodToken,
    message: UseRequest,
    port: number,
  ): Promise<Win | undefined> => {
    state.attempts++;
    const start = performance.now();
    const answer = await options.exchange.use(pod, message, port);
    latencies.push(performance.now() - start);
    return take(pod, message, answer);
  };

  const take = async (
    pod: PodToken,
    message: UseRequest,
    answer: ExchangeAnswer,
  ): Promise<Win | undefined> => {
    if (answer.status !== 201) {
      const code = answer.code ?? `HTTP ${answer.status}`;
      state.refusals.set(code, (state.refusals.get(code) ?? 0) + 1);
      if (!LOST.has(code)) oddities.push(`a loser was told ${code}: ${answer.text}`);
      if (/eyJ|credential"/.test(answer.text)) oddities.push('a loser was told a credential');
      return undefined;
    }
    const won = answer.body as UseAnswer;
    if (won.credential === undefined) {
      oddities.push('a winner got no credential');
      return undefined;
    }
    const credentialID = `${decodeJwt(won.credential.token).jti}`;
    const win = { answer: won, pod, credentialID, effect: random() >= GIVE_BACK_SHARE };
    if (won.nonce !== message.nonce) oddities.push('an answer was for another nonce');
    state.wins.push(win);
    return win;
  };

  const finish = async ({ answer, pod, effect }: Win): Promise<void> => {
    const { nonce, grant, credential } = answer;
    const reported = await options.exchange.finish(
      pod,
      nonce,
      {
        grant,
        outcome: effect ? 'Succeeded' : 'NotDispatched',
        ...(effect ? { responseCode: 200 } : {}),
        ...(credential === undefined ? {} : { credentialToken: credential.token }),
      },
      pick(portsOf(options.product), random),
    );
    if (reported.status !== 200) oddities.push(`a report was refused: ${reported.text}`);
  };

  /** One use request, perhaps said twice at once, and once more later, by others. */
  const attempt = async (prize: Prize): Promise<number> => {
    const own = pods.get(prize.agent) ?? [];
    const pod = pick(own, random);
    const message = { nonce: randomUUID(), action: prize.call, waitMilliseconds: 60_000 };
    const ports = portsOf(options.product);
    const repeat = random() < REPEAT_SHARE;
    const sent = [ask(pod, message, pick(ports, random))];
    if (repeat) sent.push(ask(pod, message, pick(ports, random)));
    const wins = (await Promise.all(sent)).filter((win) => win !== undefined);
    for (const win of wins) await finish(win);
    if (repeat) {
      const late = await ask(pick(own, random), message, pick(ports, random));
      if (late !== undefined) {
        if (wins.length > 0) oddities.push('a used nonce won again');
        wins.push(late);
        await finish(late);
      }
    }
    return wins.length;
  };

  /** Until nobody wins any more: what was given back is fought over again. */
  const fight = async (prize: Prize): Promise<void> => {
    let contenders = options.attemptsPerGrant * prize.grants;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const won = await Promise.all(Array.from({ length: contenders }, () => attempt(prize)));
      if (round > 0 && won.every((wins) => wins === 0)) return;
      contenders = CONTENDERS_AGAIN;
    }
  };

  const start = performance.now();
  await forEach(prizes, options.actionsAtOnce, fight);
  return { ...state, oddities, latencies, seconds: (performance.now() - start) / 1000 };
}

/** Compares what was handed over with what the API server holds. @returns what does not agree, in sentences */
export async function audit(
  { plane, namespace, grants: expected }: ContentionOptions,
  { wins, oddities }: ContentionResult,
): Promise<string[]> {
  const wrong = [...oddities];
  const grants = await listGrants(plane, namespace);
  if (grants.length !== expected) wrong.push(`${grants.length} grants instead of ${expected}`);
  const byUID = Map.groupBy(wins, ({ answer }) => answer.grant.uid);
  for (const [credentialID, same] of Map.groupBy(wins, (win) => win.credentialID)) {
    if (same.length > 1) wrong.push(`credential ${credentialID} was handed over twice`);
  }
  for (const { metadata, status } of grants) {
    const { name, uid } = metadata;
    const own = byUID.get(uid) ?? [];
    byUID.delete(uid);
    const effects = own.filter(({ effect }) => effect).length;
    const uses = status?.uses ?? [];
    if (effects > 1) wrong.push(`${name} had ${effects} effects`);
    if (status?.phase !== 'Finished') wrong.push(`${name} is left ${status?.phase}`);
    const outcome = effects === 1 ? 'Succeeded' : 'NotDispatched';
    if (status?.outcome !== outcome) wrong.push(`${name} says ${status?.outcome}: ${effects}`);
    // Without an effect it was given back as often as it may be.
    if (effects === 0 && own.length !== 3) wrong.push(`${name} was won ${own.length} times only`);
    if (uses.length !== own.length) {
      wrong.push(`${name} has ${uses.length} uses on record and was won ${own.length} times`);
    }
    for (const { answer, pod, credentialID, effect } of own) {
      const use = uses.find(({ id }) => id === answer.nonce);
      if (
        use?.credential?.id !== credentialID ||
        use.podUID !== pod.podUid ||
        use.outcome !== (effect ? 'Succeeded' : 'NotDispatched') ||
        use.credential.deletedTime === undefined
      ) {
        wrong.push(`${name} does not tell of ${answer.nonce}: ${JSON.stringify(use)}`);
      }
    }
  }
  for (const uid of byUID.keys()) wrong.push(`a grant was won that does not exist: ${uid}`);
  const left = await boundSecrets(plane, namespace);
  if (left.length > 0) wrong.push(`${left.length} bound Secrets are left`);
  return wrong;
}

async function issuePods(
  plane: ControlPlane,
  namespace: string,
): Promise<ReadonlyMap<string, readonly PodToken[]>> {
  const pods = new Map<string, PodToken[]>();
  for (const serviceAccountName of AGENTS) {
    const own = await Promise.all(
      Array.from({ length: PODS_PER_AGENT }, () =>
        issuePodToken(plane, { namespace, serviceAccountName }),
      ),
    );
    pods.set(serviceAccountName, own);
  }
  return pods;
}

/** Creates the grants and waits until all can be used. */
async function createPrizes({ plane, namespace, grants }: ContentionOptions): Promise<Prize[]> {
  await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    metadata: { name: CREDENTIAL_ACCOUNT },
  });
  const prizes: Prize[] = [];
  for (let left = grants; left > 0; ) {
    const index = prizes.length;
    const count = Math.min(left, index % SHARED_ONE_IN === 0 ? GRANTS_OF_SHARED : 1);
    const url = `https://edr.example.com/v1/hosts/host-${index}/quarantine`;
    const agent = AGENTS[index % AGENTS.length] ?? '';
    prizes.push({ agent, grants: count, call: anHttpCall({ url }) });
    left -= count;
  }
  const wanted = prizes.flatMap((prize) => Array.from({ length: prize.grants }, () => prize));
  await forEach(wanted, CREATORS, async ({ agent, call }) => {
    const url = call.type === 'HTTP' ? call.url : '';
    await createGrant(plane, namespace, {
      spec: { agent: { serviceAccountName: agent }, action: anHttpAction({ url }) },
    });
  });
  await eventually(
    async () => {
      const all = await listGrants(plane, namespace);
      const usable = all.filter(({ status }) => status?.phase === 'Approved').length;
      if (usable < grants) throw new Error(`${usable} of ${grants} grants are approved`);
    },
    { withinMilliseconds: 60_000 + 100 * grants, everyMilliseconds: 200 },
  );
  return prizes;
}

async function listGrants(plane: ControlPlane, namespace: string): Promise<ActionGrant[]> {
  const list = await plane.api<{ items: ActionGrant[] }>('GET', grantsPath(namespace));
  return list.items;
}

async function boundSecrets(plane: ControlPlane, namespace: string): Promise<KubeObject[]> {
  const list = await plane.api<{ items: KubeObject[] }>(
    'GET',
    `/api/v1/namespaces/${namespace}/secrets?fieldSelector=type%3Dactiongrant.dev%2Fbound`,
  );
  return list.items;
}

function portsOf({ replicas }: Product): number[] {
  return replicas.filter(({ running }) => running).map(({ port }) => port);
}

/** `work` for every item, so many at a time. */
async function forEach<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}

/** mulberry32: small, and the same on every machine. */
function generator(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
