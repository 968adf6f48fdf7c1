import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  formatAdmissionReview,
  parseAdmissionReview,
} from '../../../../../controller/admission/protocol/review.ts';
import { ProblemError } from '../../../../../core/api/problem.ts';

interface RecordedReview {
  kind: unknown;
  request: Record<string, unknown>;
}

/** A copy for each test to spoil. */
function recorded(name = 'validate-grant-service-account'): RecordedReview {
  const path = join(import.meta.dirname, '../fixtures', `${name}.json`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

describe('a review', () => {
  test('is read with who asks, in full', () => {
    expect(parseAdmissionReview(recorded())).toMatchObject({
      uid: 'f6208f1c-2c74-419c-9089-b272d880900f',
      operation: 'CREATE',
      namespace: 'soc',
      resource: { group: 'actiongrant.dev', resource: 'actiongrants' },
      user: {
        username: 'system:serviceaccount:soc:ticket-bot',
        uid: '0beda9df-c04b-4b5f-8eec-cdbd8dfc095a',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:soc', 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': [
            'JTI=8d369c08-54a0-4089-a861-007ebd8ab5a7',
          ],
        },
      },
    });
  });

  test('may leave groups and extra out', () => {
    const review = recorded();
    review.request['userInfo'] = { username: 'jane' };
    expect(parseAdmissionReview(review).user).toEqual({ username: 'jane', groups: [], extra: {} });
  });

  test.for<[field: string, spoil: (review: RecordedReview) => unknown]>([
    ['body', () => null],
    ['body', () => []],
    ['apiVersion and kind', (review) => ({ ...review, kind: 'SubjectAccessReview' })],
    ['apiVersion and kind', (review) => ({ ...review, apiVersion: 'admission.k8s.io/v1beta1' })],
    ['request', ({ request: _, ...review }) => review],
    ['request.uid', (review) => with_(review, { uid: '' })],
    ['request.operation', (review) => with_(review, { operation: 7 })],
    ['request.namespace', (review) => with_(review, { namespace: undefined })],
    ['request.object', (review) => with_(review, { object: null })],
    ['request.userInfo', (review) => with_(review, { userInfo: 'root' })],
    ['request.userInfo.username', (review) => with_(review, { userInfo: {} })],
    [
      'request.userInfo.groups',
      (review) => with_(review, { userInfo: { username: 'a', groups: 'b' } }),
    ],
    [
      'request.userInfo.extra[k]',
      (review) => with_(review, { userInfo: { username: 'a', extra: { k: [1] } } }),
    ],
  ])('is refused without a proper %s', ([field, spoil]) => {
    expect(() => parseAdmissionReview(spoil(recorded()))).toThrow(
      expect.objectContaining({ code: 'RequestMalformed', field }),
    );
  });
});

function with_(review: RecordedReview, change: Record<string, unknown>): RecordedReview {
  return { ...review, request: { ...review.request, ...change } };
}

describe('an answer', () => {
  const request = parseAdmissionReview(recorded());

  test('repeats the uid', () => {
    expect(formatAdmissionReview(request, { allowed: true })).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: request.uid, allowed: true },
    });
  });

  test('that refuses is a Status: a sentence for people, code and field for programs', () => {
    const problem = new ProblemError('GrantInvalid', 'spec.action.type: no.', {
      field: 'spec.action.type',
    });
    expect(formatAdmissionReview(request, { allowed: false, problem })).toMatchObject({
      response: {
        uid: request.uid,
        allowed: false,
        status: {
          code: 422,
          reason: 'Invalid',
          message: 'spec.action.type: no.',
          details: {
            group: 'actiongrant.dev',
            kind: 'ActionGrant',
            name: 'quarantine-host-7-fqp26',
            // The field is not said twice where kubectl puts it in front.
            causes: [{ reason: 'GrantInvalid', field: 'spec.action.type', message: 'no.' }],
          },
        },
      },
    });
  });

  test.for([
    ['GrantForbidden', 403, 'Forbidden'],
    ['KubernetesUnavailable', 503, 'ServiceUnavailable'],
    ['RequestMalformed', 400, 'BadRequest'],
    ['Internal', 500, 'InternalError'],
  ] as const)('with the code %s has the status %i %s', ([code, status, reason]) => {
    const problem = new ProblemError(code, 'no.');
    expect(formatAdmissionReview(request, { allowed: false, problem })).toMatchObject({
      response: { status: { code: status, reason, message: 'no.' } },
    });
  });
});
