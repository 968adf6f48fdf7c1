/**
 * Talks to the controller's exchange. Sends each message at most once by itself; what to do when an answer is missing is
 * decided by `authorize` and `complete`, who know what the message meant.
 */

import type { Agent as AgentType, Dispatcher } from 'undici';
import request from 'undici/lib/api/api-request.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import { ProblemError } from '../../core/api/problem.ts';
import type { FinishAnswer, FinishRequest } from '../../core/wire/finish.ts';
import { DISCOVERY_PATH, REFUSALS_PATH, USES_PATH } from '../../core/wire/paths.ts';
import type { RefusalReport } from '../../core/wire/refusals.ts';
import { type UseAnswer, type UseRequest, useMessage } from '../../core/wire/use.ts';
import { Semaphore } from '../../process/semaphore.ts';
import { socketLookup } from '../dns/lookup.ts';
import { failureOf, isConnectError, NoAnswerError, parseAnswer, readUseAnswer } from './answer.ts';
import { cachedFile } from './cached-file.ts';

export interface ExchangeClient {
  /**
   * @param gone the caller went away: a message that still waits for a permit is not sent any more
   * @throws ProblemError as the controller answered; NoAnswerError if it did not
   */
  use(request: UseRequest, gone: AbortSignal): Promise<UseAnswer>;
  /** @throws ProblemError as the controller answered; NoAnswerError if it did not */
  finish(nonce: string, request: FinishRequest): Promise<FinishAnswer>;
  /** @throws ProblemError as the controller answered; NoAnswerError if it did not */
  reportRefusals(report: RefusalReport): Promise<void>;
  /** Discovery documents of the API server, read by the controller. */
  discovery(path: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface ExchangeClientOptions {
  /** Base URLs, without trailing slash. */
  urls: readonly string[];
  caFile: string;
  tokenFile: string;
}

const FINISH_TIMEOUT_MILLISECONDS = 10_000;
const DISCOVERY_TIMEOUT_MILLISECONDS = 5_000;
const REFUSALS_TIMEOUT_MILLISECONDS = 5_000;
const CONNECT_TIMEOUT_MILLISECONDS = 2_000;
/** Added to the wait that the controller was told, so that its own answer "too late" still arrives. */
const GRACE_MILLISECONDS = 250;

/**
 * Connections to each replica, by what they are for. What an agent can cause at will must not stand before the end of a use:
 * that end revokes a credential. The end of a use that was never answered is in a lane of its own, because nobody got a
 * credential by it, and an agent can cause many while the controller is slow.
 */
const CONNECTIONS = { uses: 8, discovery: 4, reports: 1, giveBacks: 2, ends: 8 } as const;
type Lane = keyof typeof CONNECTIONS;
type Lanes = Readonly<Record<Lane, AgentType>>;

export function createExchangeClient(options: ExchangeClientOptions): ExchangeClient {
  // Uses wait here, where a caller can leave, and not in the lane, where it could not: calls that are made and given up in
  // a row, as HTTP/2 allows, would hold up all later ones.
  const uses = new Semaphore(CONNECTIONS.uses);
  const readToken = cachedFile(options.tokenFile, (text) => text.trim());
  let lanes: Lanes | undefined;
  const readLanes = cachedFile(options.caFile, (ca) => {
    // Calls in flight end on the old connections; new ones trust what the file says now.
    closeLanes(lanes).catch(() => undefined);
    lanes = createLanes(ca);
    return lanes;
  });
  let preferred = 0;

  const exchange = async (
    lane: Lane,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    deadline: AbortSignal,
  ): Promise<unknown> => {
    const [token, dispatchers] = await configured(readToken, readLanes);
    const origin = options.urls[preferred % options.urls.length] ?? '';
    let response: Dispatcher.ResponseData;
    let text: string;
    try {
      response = await request.call(dispatchers[lane], {
        origin,
        path,
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: deadline,
      });
      text = await response.body.text();
    } catch (error) {
      // The next message goes to another replica.
      preferred++;
      throw new NoAnswerError(!isConnectError(error), error);
    }
    if (response.statusCode === 204) return undefined;
    if (response.statusCode >= 200 && response.statusCode < 300) return parseAnswer(text);
    if (response.statusCode >= 500) preferred++;
    throw failureOf(response.statusCode, text);
  };

  return {
    async use(request, gone) {
      const asked = performance.now();
      const deadline = AbortSignal.timeout(request.waitMilliseconds + GRACE_MILLISECONDS);
      const release = await uses.acquire(gone, deadline).catch((cause: unknown) => {
        throw new NoAnswerError(false, cause);
      });
      try {
        // Nothing may be consumed once the caller has stopped waiting, so the wait for the permit is taken off.
        const waitMilliseconds = Math.round(request.waitMilliseconds - (performance.now() - asked));
        if (waitMilliseconds < 1) throw new NoAnswerError(false, new Error('no permit in time'));
        return readUseAnswer(
          await exchange(
            'uses',
            'POST',
            USES_PATH,
            useMessage({ ...request, waitMilliseconds }),
            deadline,
          ),
        );
      } finally {
        release();
      }
    },
    finish: async (nonce, request) =>
      (await exchange(
        request.grant === undefined ? 'giveBacks' : 'ends',
        'POST',
        `${USES_PATH}/${nonce}/finish`,
        request,
        AbortSignal.timeout(FINISH_TIMEOUT_MILLISECONDS),
      )) as FinishAnswer,
    async reportRefusals(report) {
      await exchange(
        'reports',
        'POST',
        REFUSALS_PATH,
        report,
        AbortSignal.timeout(REFUSALS_TIMEOUT_MILLISECONDS),
      );
    },
    discovery: (path) =>
      exchange(
        'discovery',
        'GET',
        `${DISCOVERY_PATH}?path=${encodeURIComponent(path)}`,
        undefined,
        AbortSignal.timeout(DISCOVERY_TIMEOUT_MILLISECONDS),
      ),
    async close() {
      await closeLanes(lanes);
    },
  };
}

function createLanes(ca: string): Lanes {
  const lane = (connections: number): AgentType =>
    new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      connect: { ca, timeout: CONNECT_TIMEOUT_MILLISECONDS, lookup: socketLookup },
    });
  return {
    uses: lane(CONNECTIONS.uses),
    discovery: lane(CONNECTIONS.discovery),
    reports: lane(CONNECTIONS.reports),
    giveBacks: lane(CONNECTIONS.giveBacks),
    ends: lane(CONNECTIONS.ends),
  };
}

/** Resolves when what is under way has ended. */
async function closeLanes(lanes: Lanes | undefined): Promise<void> {
  await Promise.all(Object.values(lanes ?? {}).map((lane) => lane.close()));
}

/** Both files, or a refusal that says which is missing: the kubelet may not have written them yet. */
async function configured(
  readToken: () => Promise<string>,
  readLanes: () => Promise<Lanes>,
): Promise<[string, Lanes]> {
  try {
    return await Promise.all([readToken(), readLanes()]);
  } catch (error) {
    throw new ProblemError(
      'ControllerUnavailable',
      "The sidecar's token or the controller's CA cannot be read yet; try again.",
      { cause: error },
    );
  }
}
