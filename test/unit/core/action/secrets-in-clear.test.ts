import { describe, expect, it } from 'vitest';
import { secretInClear } from '../../../../core/action/secrets-in-clear.ts';
import type { GrantAction } from '../../../../core/api/generated/actiongrant.ts';

const DIGEST = `secret:sha256:${'0'.repeat(64)}`;

const http = (overrides: Partial<NonNullable<GrantAction['http']>>): GrantAction => ({
  type: 'HTTP',
  http: { method: 'POST', url: 'https://a.example/', ...overrides },
});
const json = (value: unknown): GrantAction =>
  http({ body: { type: 'JSON', json: JSON.stringify(value) } });

describe('a secret in clear is named by its field, with the way out', () => {
  it.each<[string, GrantAction, string, RegExp]>([
    [
      'a header',
      http({ headers: { 'x-dry-run': '1', 'x-api-key': 'k' } }),
      'spec.action.http.headers[x-api-key]',
      /secret:sha256:.*sha256sum/,
    ],
    [
      'a parameter',
      http({ url: 'https://a.example/?a=1&key=k' }),
      'spec.action.http.url',
      /query parameter key .*sha256sum/,
    ],
    [
      'a presigned URL',
      http({ url: 'https://a.example/?X-Amz-Signature=k' }),
      'spec.action.http.url',
      /X-Amz-Signature/,
    ],
    [
      'a segment',
      http({ url: `https://a.example/bot${'1'.repeat(10)}:${'a1'.repeat(18)}/x` }),
      'spec.action.http.url',
      /path/,
    ],
    [
      'a member of the body',
      json({ a: [{ password: 'x' }] }),
      'spec.action.http.body.json',
      /\/a\/0\/password .*SHA256/,
    ],
    [
      'a token in the body',
      json({ note: `npm_${'a1'.repeat(18)}` }),
      'spec.action.http.body.json',
      /\/note /,
    ],
    [
      'a body that is a token',
      json(`npm_${'a1'.repeat(18)}`),
      'spec.action.http.body.json',
      /^it holds/,
    ],
    [
      'a parameter of the API server',
      {
        type: 'Kubernetes',
        kubernetes: {
          verb: 'create',
          version: 'v1',
          resource: 'pods',
          queryParameters: { command: `npm_${'a1'.repeat(18)}` },
        },
      },
      'spec.action.kubernetes.queryParameters[command]',
      /sha256sum/,
    ],
    [
      'a body to the API server',
      {
        type: 'Kubernetes',
        kubernetes: {
          verb: 'create',
          version: 'v1',
          resource: 'secrets',
          body: { type: 'JSON', json: '{"stringData":{"a":"x"}}' },
        },
      },
      'spec.action.kubernetes.body.json',
      /\/stringData\/a /,
    ],
  ])('%s', (_, action, field, reason) => {
    const found = secretInClear(action);
    expect(found?.field).toBe(field);
    expect(found?.reason).toMatch(reason);
    expect(found?.reason).not.toContain('a1a1');
  });

  it.each<[string, GrantAction]>([
    [
      'nothing secret',
      http({ url: 'https://a.example/?page_token=1', headers: { 'x-dry-run': '1' } }),
    ],
    [
      'digests',
      http({ url: `https://a.example/?key=${DIGEST}`, headers: { 'x-api-key': DIGEST } }),
    ],
    ['the model of a call', json({ max_tokens: 100, tokenizer: 'x' })],
    ['a digest of the body', http({ body: { type: 'SHA256', sha256: '0'.repeat(64) } })],
    ['any body', http({ body: { type: 'Any' } })],
  ])('there is none in a grant with %s', (_, action) => {
    expect(secretInClear(action)).toBeUndefined();
  });
});
