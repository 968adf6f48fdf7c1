import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { failure } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

const answered = (body: unknown) => {
  stub.handler = (_request, response) => answer(response, 201, body);
};
const sent = () =>
  stub.requests.map(({ method, path, body }) => ({ method, path, ...JSON.parse(body) }));
const ACCOUNT = { namespace: 'soc', name: 'edr' };

describe('a token request', () => {
  const TOKEN = { token: 'secret', expirationTimestamp: '2026-01-01T12:10:00Z' };

  test('gives the token and its end', async () => {
    answered({ status: { ...TOKEN, more: 1 } });
    const client = await stub.client();
    expect(await client.tokenRequest(ACCOUNT, { audiences: ['a'] })).toEqual(TOKEN);
    expect(sent()).toEqual([
      {
        method: 'POST',
        path: '/api/v1/namespaces/soc/serviceaccounts/edr/token',
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: ['a'] },
      },
    ]);
  });

  test.each([{}, { status: {} }, { status: { token: 'secret' } }])(
    'answered with %j is malformed, and the error holds no token',
    async (body) => {
      answered(body);
      const error = await failure((await stub.client()).tokenRequest(ACCOUNT, { audiences: [] }));
      expect(error.kind).toBe('Malformed');
      expect(error.message).not.toContain('secret');
    },
  );

  test('that fails is never ambiguous: nobody has the token', async () => {
    stub.handler = (_request, response) => answer(response, 500, status(500, 'InternalError'));
    const error = await failure((await stub.client()).tokenRequest(ACCOUNT, { audiences: [] }));
    expect(error.kind).toBe('Unavailable');
  });
});

test('a token review gives what the API server says of the token', async () => {
  answered({ status: { authenticated: true, user: { username: 'jane' } } });
  const client = await stub.client();
  expect(await client.tokenReview({ token: 't' })).toEqual({
    authenticated: true,
    user: { username: 'jane' },
  });
  expect(sent()).toEqual([
    {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: 't' },
    },
  ]);
});

describe('a review of access', () => {
  test.each([
    [{ allowed: true }, true],
    [{ allowed: false, reason: 'no' }, false],
    [{ allowed: 'true' }, false],
    [{}, false],
  ])('answered with %j is %s', async (body, allowed) => {
    answered({ status: body });
    const review = await (await stub.client()).subjectAccessReview({ user: 'jane' });
    expect(review).toEqual({ ...body, allowed });
    expect(sent()).toEqual([
      {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: 'jane' },
      },
    ]);
  });
});
