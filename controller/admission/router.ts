/** The admission webhooks over HTTP. Mount at `/admission`. */

import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import { asProblem, ProblemError } from '../../core/api/problem.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { sendProblem } from '../send-problem.ts';
import { stampRequester } from './grants/stamp-requester.ts';
import { type ValidateGrantDependencies, validateGrant } from './grants/validate-grant.ts';
import { createAdmissionLimiter, REVIEW_LIMIT_BYTES } from './limiter.ts';
import { answerPod } from './pods/answer-pod.ts';
import type { InjectPodDependencies } from './pods/inject-pod.ts';
import type { NamespaceFacts } from './pods/namespace-facts.ts';
import {
  type AdmissionAnswer,
  type AdmissionRequest,
  formatAdmissionReview,
  parseAdmissionReview,
} from './protocol/review.ts';

export interface AdmissionDependencies extends ValidateGrantDependencies {
  clock: Clock;
  log: Logger;
  /** Absent: no pod is injected, and the path is not served. */
  injection?: InjectPodDependencies & { facts: NamespaceFacts };
}

type Answer = (request: AdmissionRequest) => AdmissionAnswer | Promise<AdmissionAnswer>;

interface Webhook {
  /** Its path, as in the chart's webhook configurations. */
  name: string;
  /** @returns undefined if it is not served */
  create(dependencies: AdmissionDependencies): Answer | undefined;
}

/** Every webhook: a folder each, and a row. */
export const WEBHOOKS: readonly Webhook[] = [
  { name: 'stamp-requester', create: () => stampRequester },
  {
    name: 'validate-grant',
    create: (dependencies) => (request) => validateGrant(dependencies, request),
  },
  {
    name: 'inject-pod',
    create: ({ injection }) =>
      injection && ((request) => answerPod(injection, injection.facts, request)),
  },
];

export function createAdmissionRouter(dependencies: AdmissionDependencies): Router {
  const { clock, log } = dependencies;
  const router = express.Router();
  const limiter = createAdmissionLimiter(clock);
  const readReview = express.json({ limit: REVIEW_LIMIT_BYTES });
  for (const { name, create } of WEBHOOKS) {
    const answer = create(dependencies);
    if (answer === undefined) continue;
    router.post(`/${name}`, limiter, readReview, async (req, res) => {
      const request = parseAdmissionReview(req.body);
      const answered = await answer(request);
      if (!answered.allowed) {
        const { code, field, cause } = answered.problem;
        log.info('admission refused a request', { webhook: name, code, field, cause });
      }
      res.json(formatAdmissionReview(request, answered));
    });
  }
  router.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const problem = bodyProblem(error) ?? asProblem(error);
    log.warn('an admission review could not be answered', { code: problem.code, error });
    // The API server takes anything but 200 as a failed webhook, and failurePolicy Fail refuses the request.
    sendProblem(res, problem);
  });
  return router;
}

/** The errors of express.json, told apart by their documented `type`. */
function bodyProblem(error: unknown): ProblemError | null {
  if (!(error instanceof Error) || !('type' in error)) return null;
  if (error.type === 'entity.too.large') {
    return new ProblemError(
      'BodyTooLarge',
      `The review is larger than ${REVIEW_LIMIT_BYTES} bytes.`,
    );
  }
  return new ProblemError('RequestMalformed', 'The review is not JSON in UTF-8.');
}
