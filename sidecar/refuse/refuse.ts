/** A refusal in the caller's own protocol: problem+json, a Status object to a Kubernetes client, what git and npm show. */

import { PROBLEM_CONTENT_TYPE, ProblemError, toProblemDocument } from '../../core/api/problem.ts';
import type { MemoryHold } from '../intercept/memory-budget.ts';

export interface Refusal {
  status: number;
  headers: (readonly [name: string, value: string])[];
  /** Bytes, not text: those are in no heap of limited size. */
  body: Uint8Array;
}

/** Seconds after which a retryable refusal is worth another try. */
const RETRY_AFTER_SECONDS = 1;

export type RefusalProtocol = 'http' | 'kubernetes' | 'git' | 'npm';

/**
 * Content type and body of each. Git shows its user what is plain text, and nothing else (`show_http_message`); npm, what a
 * JSON document has as `error` (npm-registry-fetch, lib/errors.js).
 */
const RENDERINGS: Readonly<
  Record<RefusalProtocol, readonly [contentType: string, render: (problem: ProblemError) => string]>
> = {
  http: [PROBLEM_CONTENT_TYPE, (problem) => JSON.stringify(toProblemDocument(problem))],
  kubernetes: ['application/json', (problem) => JSON.stringify(toKubernetesStatus(problem))],
  git: ['text/plain; charset=utf-8', toText],
  npm: [
    PROBLEM_CONTENT_TYPE,
    (problem) => JSON.stringify({ ...toProblemDocument(problem), error: toText(problem) }),
  ],
};

/**
 * With a manifest it can be several times as long as the call, and is in memory for as long as the client takes to read it:
 * without room for that it leaves the manifest out.
 */
export function renderRefusal(
  problem: ProblemError,
  protocol: RefusalProtocol,
  hold: Pick<MemoryHold, 'tryTake'>,
): Refusal {
  const [contentType, render] = RENDERINGS[protocol];
  const whole = Buffer.from(`${render(problem)}\n`);
  const fits = problem.manifest === undefined || hold.tryTake(whole.length);
  const body = fits ? whole : Buffer.from(`${render(withoutManifest(problem))}\n`);
  const headers: Refusal['headers'] = [
    ['content-type', contentType],
    ['cache-control', 'no-store'],
    ...(problem.retryable ? [['retry-after', String(RETRY_AFTER_SECONDS)] as const] : []),
  ];
  return { status: problem.status, headers, body };
}

function withoutManifest({ code, detail, field }: ProblemError): ProblemError {
  return new ProblemError(
    code,
    `${detail} The grant that would allow it is left out: other calls of this pod take up all the memory.`,
    field === undefined ? {} : { field },
  );
}

/** All that a person needs: the code to look up, what is wrong, and the manifest of the grant that is missing. */
function toText({ code, detail, manifest }: ProblemError): string {
  const help =
    manifest === undefined
      ? ''
      : `\nThis grant would allow it once (kubectl create -f -):\n${manifest}`;
  return `ActionGrant refused the call (${code}): ${detail}${help}`;
}

/** `metav1.Status`. kubectl prints `message` as it is. */
function toKubernetesStatus(problem: ProblemError) {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: toText(problem),
    reason: REASONS[problem.status] ?? 'Unknown',
    details: {
      causes: [
        {
          reason: problem.code,
          message: problem.detail,
          ...(problem.field === undefined ? {} : { field: problem.field }),
        },
      ],
    },
    code: problem.status,
  };
}

/** `metav1.StatusReason` by HTTP status. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
