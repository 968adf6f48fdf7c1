/** One call through handleCall: the exchange, the upstream and the client are values that a test says and reads. */

import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { HeaderPair } from '../../../core/text/header-pair.ts';
import type { UseAnswer, UseRequest } from '../../../core/wire/use.ts';
import type { LogFields, Logger } from '../../../process/log.ts';
import { createRegistry } from '../../../process/metrics.ts';
import type { Completion } from '../../../sidecar/complete.ts';
import type { RequestHead } from '../../../sidecar/describe/request-head.ts';
import { createEarlierTries, type EarlierTries } from '../../../sidecar/earlier-tries.ts';
import type { RefusedCall } from '../../../sidecar/exchange/report-refusals.ts';
import type { ForwardOptions } from '../../../sidecar/forward/forward.ts';
import type { UpstreamRequest, UpstreamResponse } from '../../../sidecar/forward/upstream.ts';
import { type CallDependencies, handleCall } from '../../../sidecar/handle-call.ts';
import type { InterceptedCall, ResponseWriter } from '../../../sidecar/intercept/call.ts';
import { MemoryBudget } from '../../../sidecar/intercept/memory-budget.ts';
import { createManifestAllowance } from '../../../sidecar/manifest-allowance.ts';
import { createSidecarMetrics } from '../../../sidecar/metrics.ts';
import { LiveSecrets } from '../../../sidecar/scan/live-secrets.ts';
import { Turns } from '../../../sidecar/turns.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { CONTEXT } from './describe/heads.ts';

export const NONCE = '0f8fad5b-d9cb-469f-a165-70867728950e';
export const GRANT = { namespace: 'soc', name: 'quarantine-1', uid: 'grant-1' };
export const CLUSTER_CA = 'PEM of the cluster';

/** What the parts around the call do. */
export interface Script {
  head: RequestHead;
  body?: string | Buffer;
  /** The exchange's answer to the use request, or what it throws. */
  use?(request: UseRequest): Partial<UseAnswer>;
  /** The upstream. */
  forward?(request: UpstreamRequest, options: ForwardOptions): UpstreamResponse;
  discovery?(path: string): unknown;
  /** The client reads no more of the answer than this. */
  clientFails?: Error;
  memoryBytes?: number;
  /** What became of earlier calls; of none if absent. */
  tries?: EarlierTries;
  /** Of the sidecar that handles it. */
  secrets?: LiveSecrets;
  clock?: FakeClock;
  /** Whether the controller takes the completion; absent: it does, at once. */
  completed?: Promise<boolean>;
}

/** What became of the call. */
export interface Result {
  uses: UseRequest[];
  forwarded: { request: UpstreamRequest; options: ForwardOptions; body: string | null }[];
  completions: Completion[];
  reported: RefusedCall[];
  logged: { level: string; message: string; fields: LogFields }[];
  client: {
    status: number;
    reason: string | undefined;
    headers: readonly HeaderPair[];
    body: string;
    aborted: boolean;
  };
  /** Bytes of memory that are left, of `memoryBytes`. */
  hasRoomFor(bytes: number): boolean;
  /** The value of a series of actiongrant_sidecar_calls_total. */
  calls(actionType: string, effect: string): Promise<number | undefined>;
}

export function anAnswer(status: number, body = ''): UpstreamResponse {
  return { status, headers: [['x-from', 'upstream']], body: Readable.from([Buffer.from(body)]) };
}

/** Handles the call to its end. */
export async function handled(script: Script): Promise<Result> {
  const memory = new MemoryBudget(script.memoryBytes ?? 10_000_000);
  const metrics = createSidecarMetrics(createRegistry('test'));
  const client = new RecordingClient(script.clientFails);
  const result: Result = {
    uses: [],
    forwarded: [],
    completions: [],
    reported: [],
    logged: [],
    client,
    hasRoomFor: (bytes) => memory.hold().tryTake(bytes),
    async calls(actionType, effect) {
      const { values } = await metrics.calls.get();
      return values.find(
        ({ labels }) => labels['action_type'] === actionType && labels['effect'] === effect,
      )?.value;
    },
  };
  await handleCall(dependencies(script, result, memory, metrics), callOf(script, client));
  return result;
}

function dependencies(
  script: Script,
  result: Result,
  memory: MemoryBudget,
  metrics: CallDependencies['metrics'],
): CallDependencies {
  const line =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void result.logged.push({ level, message, fields });
  const log: Logger = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
  };
  return {
    config: {
      agent: { namespace: 'soc', serviceAccountName: 'incident-agent' },
      podName: 'agent-0',
      kubernetes: { ca: CLUSTER_CA },
    },
    describeContext: CONTEXT,
    exchange: {
      async use(request) {
        result.uses.push(request);
        const answer = script.use?.(request) ?? {};
        return {
          nonce: NONCE,
          grant: GRANT,
          bodyForm: 'None',
          timeoutMilliseconds: 30_000,
          ...answer,
        };
      },
      finish: () => Promise.reject(new Error('the completions are recorded')),
      reportRefusals: () => Promise.reject(new Error('the refusals are recorded')),
      discovery: async (path) => script.discovery?.(path),
      close: () => Promise.resolve(),
    },
    async complete(completion) {
      result.completions.push(completion);
      return script.completed ?? true;
    },
    createNonce: () => NONCE,
    waitMilliseconds: 1_000,
    forwarder: {
      async forward(request, options) {
        const { body } = request;
        const text = body === null ? null : await textOf(body);
        result.forwarded.push({ request, options, body: text });
        if (script.forward !== undefined) return script.forward(request, options);
        options.onDispatched?.();
        return anAnswer(200, 'done');
      },
    },
    refusals: { report: (refused) => void result.reported.push(refused) },
    secrets: script.secrets ?? new LiveSecrets(),
    memory,
    turns: new Turns(new FakeClock()),
    clock: script.clock ?? new FakeClock(),
    manifestsLogged: createManifestAllowance(new FakeClock()),
    tries: script.tries ?? createEarlierTries(new FakeClock()),
    metrics,
    log,
  };
}

async function textOf(body: Uint8Array | Readable): Promise<string> {
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : await buffer(body);
  return bytes.toString('utf8');
}

function callOf({ head, body }: Script, respond: ResponseWriter): InterceptedCall {
  return {
    head,
    body: Readable.from(body === undefined ? [] : [Buffer.from(body)]),
    bodyIsEmpty: body === undefined,
    respond,
    signal: new AbortController().signal,
  };
}

/** Keeps what it is sent, as ResponseWriter promises. */
class RecordingClient implements ResponseWriter {
  status = 0;
  reason: string | undefined;
  headers: readonly HeaderPair[] = [];
  body = '';
  aborted = false;
  started = false;
  finished = false;
  readonly #fails: Error | undefined;

  constructor(fails: Error | undefined) {
    this.#fails = fails;
  }

  writeHead(status: number, headers: readonly HeaderPair[], reason?: string): void {
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }

  async pipe(body: Readable): Promise<void> {
    const through = body.pipe(new PassThrough());
    body.on('error', (error) => through.destroy(error));
    for await (const chunk of through) {
      this.started = true;
      this.body += String(chunk);
    }
    if (this.#fails !== undefined) throw this.#fails;
    this.finished = true;
  }

  async end(body: Uint8Array | string = ''): Promise<void> {
    this.started = true;
    this.finished = true;
    this.body += Buffer.from(body).toString('utf8');
  }

  abort(): void {
    this.aborted = true;
    this.finished = true;
  }
}
