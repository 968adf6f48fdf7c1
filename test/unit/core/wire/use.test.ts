import { describe, expect, it } from 'vitest';
import { actionKeys } from '../../../../core/action/digest.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import { sha256Hex } from '../../../../core/text/sha256.ts';
import { parseUseAnswer, parseUseRequest, useMessage } from '../../../../core/wire/use.ts';
import {
  describeMessage,
  longerThan,
  NONCE,
  NOT_DIGEST,
  NOT_NONCE,
  NOT_OBJECT,
  NOT_TEXT,
  NOT_TEXT_OR_EMPTY,
  notInteger,
  refusedField,
  SHA256,
  tooMany,
} from './strict-message.ts';

const httpUse = {
  nonce: NONCE,
  action: {
    type: 'HTTP',
    method: 'POST',
    url: 'https://a.example/',
    headers: { 'x-a': '1' },
    body: { kind: 'bytes', sha256: SHA256, jsonSha256: SHA256 },
  },
  waitMilliseconds: 5_000,
};
const kubernetesUse = {
  nonce: NONCE,
  action: {
    type: 'Kubernetes',
    verb: 'patch',
    apiGroup: 'apps',
    version: 'v1',
    resource: 'deployments',
    subresource: '',
    namespace: 'shop',
    name: 'checkout',
    patchType: 'Merge',
    queryParameters: { dryRun: 'All' },
    body: { kind: 'none' },
  },
  waitMilliseconds: 1,
};
const answer = {
  nonce: NONCE,
  grant: { namespace: 'soc', name: 'quarantine-1', uid: 'u1' },
  bodyForm: 'JSON',
  timeoutMilliseconds: 30_000,
  credential: { token: 'a.b.c', expirationTime: '2026-01-02T12:10:00Z' },
};

describeMessage('a use request for HTTP', {
  parse: parseUseRequest,
  valid: httpUse,
  members: {
    nonce: NOT_NONCE,
    action: NOT_OBJECT,
    'action.type': [...NOT_TEXT, 'http', 'MCP', 'constructor'],
    'action.method': [...NOT_TEXT, longerThan(32)],
    'action.url': [...NOT_TEXT, longerThan(8192)],
    'action.headers': [...NOT_OBJECT, tooMany],
    'action.headers.x-a': [null, 1, {}, longerThan(8192)],
    'action.body': NOT_OBJECT,
    'action.body.kind': [...NOT_TEXT, 'None', 'tooLarge'],
    'action.body.sha256': NOT_DIGEST,
    'action.body.jsonSha256?': NOT_DIGEST,
    waitMilliseconds: notInteger(1, 60_000),
  },
});

describeMessage('a use request for Kubernetes', {
  parse: parseUseRequest,
  valid: kubernetesUse,
  members: {
    'action.verb': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.apiGroup': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.version': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.resource': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.subresource': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.namespace': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.name': [...NOT_TEXT_OR_EMPTY, longerThan(253)],
    'action.patchType?': [...NOT_TEXT, 'Apply'],
    'action.queryParameters': [...NOT_OBJECT, tooMany],
    'action.queryParameters.dryRun': [null, 1, {}, longerThan(4096)],
  },
});

describeMessage('a use answer', {
  parse: parseUseAnswer,
  valid: answer,
  members: {
    nonce: NOT_NONCE,
    grant: NOT_OBJECT,
    'grant.namespace': NOT_TEXT,
    'grant.name': NOT_TEXT,
    'grant.uid': NOT_TEXT,
    bodyForm: [...NOT_TEXT, 'none'],
    timeoutMilliseconds: notInteger(1, 570_000),
    'credential?': NOT_OBJECT,
    'credential.token': [...NOT_TEXT, longerThan(16_384)],
    'credential.expirationTime': [...NOT_TEXT, longerThan(64)],
  },
});

describe('the body of an action', () => {
  const withBody = (body: unknown) => ({ ...httpUse, action: { ...httpUse.action, body } });

  it.each([['none'], ['unread']])('of kind %s has no digest', (kind) => {
    expect(parseUseRequest(withBody({ kind })).action.body).toEqual({ kind });
    expect(refusedField(() => parseUseRequest(withBody({ kind, sha256: SHA256 })))).toBe(
      'action.body.sha256',
    );
  });
});

describe('a map', () => {
  it('keeps a name of Object.prototype as a member like any other', () => {
    const message = JSON.stringify(httpUse).replace('"x-a"', '"__proto__"');
    const { action } = parseUseRequest(JSON.parse(message));
    expect(Object.entries('headers' in action ? action.headers : {})).toEqual([['__proto__', '1']]);
  });
});

describe('a secret of a call', () => {
  const url = 'https://a.example/?key=hunter2';
  const headers = { 'x-api-key': 'hunter2' };
  const digest = `secret:sha256:${sha256Hex('hunter2')}`;
  const body = { kind: 'none' } as const;
  const inClear = { type: 'HTTP', method: 'GET', url, headers, body } as const;
  const byDigest = {
    ...inClear,
    url: `https://a.example/?key=${digest}`,
    headers: { 'x-api-key': digest },
  } as const;
  const stored = { type: 'HTTP', http: { method: 'GET', url, headers } } as const;
  const granted = {
    type: 'HTTP',
    http: { method: 'GET', url: byDigest.url, headers: byDigest.headers },
  } as const;
  const message = (action: typeof inClear | typeof byDigest, marked = {}) =>
    parseUseRequest({ nonce: NONCE, action, waitMilliseconds: 1, ...marked }).action;

  it('goes over the wire as its digest, and the message says so', () => {
    const request = { nonce: NONCE, action: byDigest, waitMilliseconds: 1 };
    expect(useMessage(request)).toEqual({ ...request, secrets: 'SHA256' });
    expect(parseUseRequest(useMessage(request)).action).toEqual(byDigest);
  });

  it('of a call without one, the message is as in earlier releases', () => {
    const request = parseUseRequest(httpUse);
    expect(useMessage(request)).toEqual(httpUse);
  });

  it('that an earlier sidecar sends in clear is its digest from there on', () => {
    expect(message(inClear)).toEqual(byDigest);
    // What says of itself that it is a digest was sent to the service like that.
    expect(message(byDigest)).not.toEqual(byDigest);
  });

  it.each([
    ['in clear, as an earlier release stored it', stored],
    ['by its digest', granted],
  ])('is compared with that of a grant: %s', (_, action) => {
    const { digest: expected, summary } = grantedAction(action);
    const keys = (call: ReturnType<typeof message>) => actionKeys(call).map((key) => key.digest);
    expect(keys(message(byDigest, { secrets: 'SHA256' }))).toContain(expected);
    expect(keys(message(inClear))).toContain(expected);
    expect(keys(message(byDigest))).not.toContain(expected);
    expect(summary).not.toContain('hunter2');
  });
});
