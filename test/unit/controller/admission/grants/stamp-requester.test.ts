import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stampRequester } from '../../../../../controller/admission/grants/stamp-requester.ts';
import {
  type AdmissionRequest,
  formatAdmissionReview,
  parseAdmissionReview,
} from '../../../../../controller/admission/protocol/review.ts';

/** What kube-apiserver 1.36 sent when the grant was created. */
function recorded(name: string): AdmissionRequest {
  const path = join(import.meta.dirname, '../fixtures', `${name}.json`);
  return parseAdmissionReview(JSON.parse(readFileSync(path, 'utf8')));
}

describe('the requester', () => {
  test('replaces one that the payload claims', () => {
    const request = recorded('stamp-requester-user');
    expect(request.object['spec']).toMatchObject({ requester: { username: 'root', uid: '0' } });
    expect(stampRequester(request)).toEqual({
      allowed: true,
      patch: [{ op: 'add', path: '/spec/requester', value: { username: 'dora' } }],
    });
  });

  test('has the uid of a ServiceAccount', () => {
    const value = {
      username: 'system:serviceaccount:soc:ticket-bot',
      uid: '0beda9df-c04b-4b5f-8eec-cdbd8dfc095a',
    };
    expect(stampRequester(recorded('stamp-requester-service-account'))).toEqual({
      allowed: true,
      patch: [{ op: 'add', path: '/spec/requester', value }],
    });
  });

  test.for([[undefined], [null], ['text']])('is not stamped onto a spec that is %j', ([spec]) => {
    const request = { ...recorded('stamp-requester-user'), object: { spec } };
    expect(stampRequester(request)).toEqual({ allowed: true });
  });

  test('is stamped at creation only', () => {
    const request = { ...recorded('stamp-requester-user'), operation: 'UPDATE' };
    expect(stampRequester(request)).toEqual({ allowed: true });
  });

  test('is answered as a JSON patch with the uid of the request', () => {
    const request = recorded('stamp-requester-user');
    const { response } = formatAdmissionReview(request, stampRequester(request)) as {
      response: { uid: string; patch: string };
    };
    expect(response).toMatchObject({ uid: request.uid, allowed: true, patchType: 'JSONPatch' });
    expect(JSON.parse(Buffer.from(response.patch, 'base64').toString())).toHaveLength(1);
  });
});
