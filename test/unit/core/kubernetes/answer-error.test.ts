import { describe, expect, test } from 'vitest';
import {
  errorOfAnswer,
  errorOfStatus,
  errorOfTransport,
} from '../../../../core/kubernetes/answer-error.ts';
import { TransportError } from '../../../../core/kubernetes/transport.ts';

const answerOf = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const statusOf = (more: object) => ({ kind: 'Status', status: 'Failure', message: 'no', ...more });

describe('the kind of an answer that is no success', () => {
  test.for<[status: number, reason: string | undefined, read: string, write: string]>([
    [400, 'BadRequest', 'BadRequest', 'BadRequest'],
    [401, 'Unauthorized', 'Unauthorized', 'Unauthorized'],
    [403, 'Forbidden', 'Forbidden', 'Forbidden'],
    [404, 'NotFound', 'NotFound', 'NotFound'],
    [409, 'AlreadyExists', 'AlreadyExists', 'AlreadyExists'],
    [409, 'Conflict', 'Conflict', 'Conflict'],
    [409, undefined, 'Conflict', 'Conflict'],
    [410, 'Expired', 'Gone', 'Gone'],
    [422, 'Invalid', 'Invalid', 'Invalid'],
    [429, 'TooManyRequests', 'TooManyRequests', 'TooManyRequests'],
    [405, 'MethodNotAllowed', 'Rejected', 'Rejected'],
    [301, undefined, 'Rejected', 'Rejected'],
    [408, undefined, 'Unavailable', 'Ambiguous'],
    [499, undefined, 'Unavailable', 'Ambiguous'],
    [500, 'InternalError', 'Unavailable', 'Ambiguous'],
    [503, 'ServiceUnavailable', 'Unavailable', 'Ambiguous'],
    [504, 'Timeout', 'Unavailable', 'Ambiguous'],
  ])('HTTP %i %s is %s of a read and %s of a write', ([status, reason, read, write]) => {
    const answer = answerOf(status, statusOf(reason === undefined ? {} : { reason }));
    expect(errorOfAnswer(answer, 'None').kind).toBe(read);
    expect(errorOfAnswer(answer, 'Write')).toMatchObject({ kind: write, httpStatus: status });
  });
});

describe('the text of an answer that is no success', () => {
  test.for<[what: string, body: unknown, message: string]>([
    ['is that of the Status', statusOf({ message: 'pods is forbidden' }), 'pods is forbidden'],
    ['is not repeated without a Status', '<html>secret</html>', 'HTTP 403 without a Status'],
    ['is not repeated of another kind', { kind: 'Pod' }, 'HTTP 403 without a Status'],
  ])('%s', ([_, body, message]) => {
    expect(errorOfAnswer(answerOf(403, body), 'None').message).toBe(message);
  });
});

describe('when to come back', () => {
  const withSeconds = statusOf({ details: { retryAfterSeconds: 4 } });
  test.for<[what: string, header: string | undefined, body: unknown, milliseconds?: number]>([
    ['is in the header', '3', withSeconds, 3_000],
    ['is in the Status otherwise', undefined, withSeconds, 4_000],
    [
      'is in the Status if the header is a date',
      'Fri, 31 Dec 1999 23:59:59 GMT',
      withSeconds,
      4_000,
    ],
    ['may be said nowhere', undefined, statusOf({})],
  ])('%s', ([_, header, body, milliseconds]) => {
    const headers = header === undefined ? {} : { 'retry-after': header };
    const error = errorOfAnswer(answerOf(429, body, headers), 'None');
    expect(error.retryAfterMilliseconds).toBe(milliseconds);
  });
});

test.for<
  [what: string, how: ConstructorParameters<typeof TransportError>[1], read: string, write: string]
>([
  ['of which nothing was sent', { sent: false }, 'Unavailable', 'Unavailable'],
  ['that may have arrived', { sent: true }, 'Unavailable', 'Ambiguous'],
  ['that was aborted before it was sent', { sent: false, aborted: true }, 'Aborted', 'Aborted'],
  ['that was aborted after it was sent', { sent: true, aborted: true }, 'Aborted', 'Ambiguous'],
  ['whose answer was too large', { sent: true, tooLarge: true }, 'TooLarge', 'Ambiguous'],
])('a request %s without an answer', ([_, how, read, write]) => {
  const error = new TransportError('the connection was lost', how);
  expect(errorOfTransport(error, 'None').kind).toBe(read);
  expect(errorOfTransport(error, 'Write').kind).toBe(write);
});

test.for<[what: string, object: unknown, kind: string]>([
  ['that says Gone', statusOf({ code: 410, reason: 'Expired' }), 'Gone'],
  ['without a code', statusOf({}), 'Unavailable'],
  ['without a Status', { kind: 'Pod' }, 'Malformed'],
  ['without an object', undefined, 'Malformed'],
])("a watch's ERROR event %s", ([_, object, kind]) => {
  expect(errorOfStatus(object).kind).toBe(kind);
});
