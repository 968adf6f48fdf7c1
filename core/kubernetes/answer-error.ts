/** How a call that failed becomes a KubernetesError: one table, no text matching. */

import { isRecord } from '../text/json.ts';
import { parseObject } from './answer-object.ts';
import { type Effect, KubernetesError, type KubernetesErrorKind } from './error.ts';
import type { TransportAnswer, TransportError } from './transport.ts';

/** The API server's own words about a failure (meta/v1 Status). */
interface Status {
  kind: 'Status';
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

const KIND_BY_STATUS: Partial<Record<number, KubernetesErrorKind>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/** The error of an answer that is no success. */
export function errorOfAnswer(answer: TransportAnswer, effect: Effect): KubernetesError {
  const status = statusOf(answer.body);
  const retryAfterMilliseconds = retryAfter(answer, status);
  return new KubernetesError(
    kindOf(answer.status, status?.reason, effect),
    // An answer without a Status came from something in between: its text may be anything, so it is not repeated.
    status?.message ?? `HTTP ${answer.status} without a Status`,
    {
      httpStatus: answer.status,
      ...(status?.reason === undefined ? {} : { reason: status.reason }),
      ...(retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
    },
  );
}

/** The error that a watch's ERROR event carries as a Status. */
export function errorOfStatus(object: unknown): KubernetesError {
  const status = asStatus(object);
  if (!status) return new KubernetesError('Malformed', 'an ERROR event without a Status');
  return new KubernetesError(
    kindOf(status.code ?? 500, status.reason, 'None'),
    status.message ?? 'an ERROR event without a message',
    {
      ...(status.code === undefined ? {} : { httpStatus: status.code }),
      ...(status.reason === undefined ? {} : { reason: status.reason }),
    },
  );
}

/** The error of a request that got no answer, or half of one. */
export function errorOfTransport(error: TransportError, effect: Effect): KubernetesError {
  if (effect === 'Write' && error.sent) return new KubernetesError('Ambiguous', error.message);
  if (error.tooLarge) return new KubernetesError('TooLarge', error.message);
  return new KubernetesError(error.aborted ? 'Aborted' : 'Unavailable', error.message);
}

function kindOf(status: number, reason: string | undefined, effect: Effect): KubernetesErrorKind {
  if (status === 409 && reason === 'AlreadyExists') return 'AlreadyExists';
  const kind = KIND_BY_STATUS[status];
  if (kind) return kind;
  // 408 and 499 come from proxies that passed the request on. 5xx, ServerTimeout and webhooks'
  // failures included: etcd may have committed, or may still.
  const refused = status < 500 && status !== 408 && status !== 499;
  if (refused) return 'Rejected';
  return effect === 'Write' ? 'Ambiguous' : 'Unavailable';
}

function statusOf(body: string): Status | undefined {
  return asStatus(parseObject(body));
}

function asStatus(value: unknown): Status | undefined {
  if (!isRecord(value) || value['kind'] !== 'Status') return undefined;
  const { message, reason, code, details } = value;
  const seconds = isRecord(details) ? details['retryAfterSeconds'] : undefined;
  return {
    kind: 'Status',
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof seconds === 'number' ? { details: { retryAfterSeconds: seconds } } : {}),
  };
}

/** RFC 9110 section 10.2.3, in its form with seconds: the only one kube-apiserver sends. */
function retryAfter(answer: TransportAnswer, status: Status | undefined): number | undefined {
  const header = answer.headers['retry-after'];
  const seconds =
    typeof header === 'string' && /^[0-9]{1,6}$/.test(header)
      ? Number(header)
      : status?.details?.retryAfterSeconds;
  return seconds === undefined ? undefined : seconds * 1000;
}
