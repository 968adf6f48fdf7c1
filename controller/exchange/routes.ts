/** The exchange over HTTPS (`/v1/…`): authenticate, parse, hand on; every failure is a problem document. */

import { type NextFunction, type Request, type Response, Router } from 'express';
import { asProblem, ProblemError } from '../../core/api/problem.ts';
import { parseFinishRequest } from '../../core/wire/finish.ts';
import { parseNonce } from '../../core/wire/nonce.ts';
import { DISCOVERY_PATH, REFUSALS_PATH, USES_PATH } from '../../core/wire/paths.ts';
import { parseRefusalReport } from '../../core/wire/refusals.ts';
import { parseUseRequest } from '../../core/wire/use.ts';
import type { Logger } from '../../process/log.ts';
import { sendProblem } from '../send-problem.ts';
import type { Caller } from '../use/caller.ts';
import type { FinishHandler } from '../use/finish.ts';
import type { UseHandler } from '../use/use.ts';
import type { Authenticator } from './authenticate.ts';
import type { Discovery } from './discovery.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { RefusalHandler } from './refusals.ts';

export interface ExchangeDependencies {
  authenticator: Authenticator;
  /** How often a pod may ask for anything but the end of a use. */
  callLimiter: RateLimiter;
  /** How often a pod may report the end of a use that is not known to be under way. */
  endLimiter: RateLimiter;
  useHandler: UseHandler;
  finishHandler: FinishHandler;
  discovery: Discovery;
  refusalHandler: RefusalHandler;
  /** Whether the caches have synced: with a cold cache nothing is decided. */
  isReady(): boolean;
  log: Logger;
}

/** A use request holds digests, never bodies: this is plenty. */
const BODY_LIMIT_BYTES = 256 * 1024;
/** A token of at most 16 KiB, and names. It is read before the rate is looked at. */
const FINISH_LIMIT_BYTES = 32 * 1024;

export function createExchangeRouter(dependencies: ExchangeDependencies): Router {
  const { authenticator, callLimiter, endLimiter } = dependencies;
  const { useHandler, finishHandler, discovery, refusalHandler, isReady, log } = dependencies;
  const router = Router();

  const identify = async (request: Request): Promise<Caller> => {
    if (!isReady()) {
      throw new ProblemError(
        'NotReady',
        'This controller replica has not read the grants yet; try again.',
      );
    }
    return authenticator.identify(request.headers.authorization);
  };
  const authenticate = async (request: Request): Promise<Caller> => {
    const caller = await identify(request);
    callLimiter.take(caller.podUID);
    await authenticator.admit(caller);
    return caller;
  };

  router.post(USES_PATH, async (request, response) => {
    const abandoned = abortedWith(response);
    const caller = await authenticate(request);
    const answer = await useHandler.use(
      caller,
      parseUseRequest(await readJson(request, BODY_LIMIT_BYTES)),
      abandoned,
    );
    response.status(201).set('cache-control', 'no-store').json(answer);
  });

  router.post(`${USES_PATH}/:nonce/finish`, async (request, response) => {
    const caller = await identify(request);
    const nonce = parseNonce(request.params['nonce']);
    const report = parseFinishRequest(await readJson(request, FINISH_LIMIT_BYTES));
    // P3: what an agent makes its sidecar ask for must not delay the revocation of what it was lent.
    if (!finishHandler.mayEndOpenUse(caller, nonce, report)) endLimiter.take(caller.podUID);
    await authenticator.admit(caller);
    response.json(await finishHandler.finish(caller, nonce, report));
  });

  router.get(DISCOVERY_PATH, async (request, response) => {
    await authenticate(request);
    const document = await discovery.read(request.query['path']);
    response.type('application/json').send(document);
  });

  router.post(REFUSALS_PATH, async (request, response) => {
    const caller = await authenticate(request);
    refusalHandler.report(caller, parseRefusalReport(await readJson(request, BODY_LIMIT_BYTES)));
    response.status(204).end();
  });

  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const problem = asProblem(error);
    const fields = { code: problem.code, detail: problem.detail, cause: problem.cause };
    if (problem.status >= 500) log.error('a request to the exchange failed', fields);
    else log.debug('a request to the exchange was refused', fields);
    const { nearBody } = problem;
    sendProblem(response, problem, nearBody === undefined ? {} : { nearBody });
  });

  return router;
}

/** Reads only after the caller is known: what strangers send is never parsed. */
async function readJson(request: Request, limitBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) {
      throw new ProblemError('BodyTooLarge', `The body is larger than ${limitBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new ProblemError('RequestMalformed', 'body must be JSON.', {
      field: 'body',
      cause: error,
    });
  }
}

/** Fires when the connection goes before the answer was sent. */
function abortedWith(response: Response): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
