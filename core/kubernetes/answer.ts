/** How a call's end becomes a value or a KubernetesError: one table, no text matching. */
import { isRecord } from '../text/json.ts';
import { KubernetesError, type KubernetesErrorKind } from './error.ts';
import type { TransportAnswer, TransportError } from './transport.ts';

/**
 * What a failed call may have changed. `None`: nothing that matters, even if it was carried out
 * (reads, reviews, and mints whose token nobody got).
 */
export type Effect = 'None' | 'Write';

/** The API server's own words about a failure (meta/v1 Status). */
interface Status {
  kind: 'Status';
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

const kindByStatus: Partial<Record<number, KubernetesErrorKind>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/** An answer that isn't a success. */
export function errorOfAnswer(answer: TransportAnswer, effect: Effect): KubernetesError {
  const status = statusOf(answer.body);
  const retryAfterMilliseconds = retryAfter(answer, status);
  return new KubernetesError(
    kindOf(answer.status, status?.reason, effect),
    // What isn't a Status came from something in between: its text isn't ours to repeat.
    status?.message ?? `HTTP ${answer.status} without a Status`,
    {
      httpStatus: answer.status,
      ...(status?.reason === undefined ? {} : { reason: status.reason }),
      ...(retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
    },
  );
}

/** A watch's ERROR event carries a Status. */
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

/** No answer, or half of one. */
export function errorOfTransport(error: TransportError, effect: Effect): KubernetesError {
  if (effect === 'Write' && error.sent) return new KubernetesError('Ambiguous', error.message);
  if (error.tooLarge) return new KubernetesError('TooLarge', error.message);
  return new KubernetesError(error.aborted ? 'Aborted' : 'Unavailable', error.message);
}

/** The JSON object of a successful answer. */
export function objectOfAnswer(answer: TransportAnswer, effect: Effect): Record<string, unknown> {
  const object = parseObject(answer.body);
  if (object) return object;
  const kind = effect === 'Write' ? 'Ambiguous' : 'Malformed';
  throw new KubernetesError(kind, 'the answer is not a JSON object', {
    httpStatus: answer.status,
  });
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(status: number, reason: string | undefined, effect: Effect): KubernetesErrorKind {
  if (status === 409 && reason === 'AlreadyExists') return 'AlreadyExists';
  const kind = kindByStatus[status];
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
