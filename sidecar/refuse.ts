/** A refusal in the caller's own protocol: problem+json, or a Status object to a Kubernetes client. */

import { PROBLEM_CONTENT_TYPE, type ProblemError, toProblemDocument } from '../api/problem.ts';

export interface Refusal {
  status: number;
  headers: (readonly [name: string, value: string])[];
  body: string;
}

/** Seconds after which a retryable refusal is worth another try. */
const RETRY_AFTER_SECONDS = 1;

export function renderRefusal(problem: ProblemError, protocol: 'http' | 'kubernetes'): Refusal {
  const headers: Refusal['headers'] = [
    ['content-type', protocol === 'kubernetes' ? 'application/json' : PROBLEM_CONTENT_TYPE],
    ['cache-control', 'no-store'],
    ...(problem.retryable ? [['retry-after', String(RETRY_AFTER_SECONDS)] as const] : []),
  ];
  const document =
    protocol === 'kubernetes' ? toKubernetesStatus(problem) : toProblemDocument(problem);
  return { status: problem.status, headers, body: `${JSON.stringify(document)}\n` };
}

/** `metav1.Status`. kubectl prints `message` as it is, so the manifest goes there, too. */
function toKubernetesStatus(problem: ProblemError) {
  const message =
    problem.manifest === undefined
      ? problem.detail
      : `${problem.detail}\nThis grant would allow it once (kubectl create -f -):\n${problem.manifest}`;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `ActionGrant refused the call: ${message}`,
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
