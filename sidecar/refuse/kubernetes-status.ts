/** What the API server answers with when it refuses: `metav1.Status`. */

import type { ProblemError } from '../../core/api/problem.ts';
import { plainText } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const kubernetesStatus: RefusalProtocol = {
  spokenBy: ({ callsAPIServer }) => callsAPIServer,
  hasManifest: true,
  render: ({ problem }) => ({
    contentType: 'application/json',
    text: JSON.stringify(toStatus(problem)),
  }),
};

/** kubectl prints `message` as it is. */
function toStatus(problem: ProblemError) {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: plainText(problem),
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
