import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grantedAction } from '../../../../core/action/grant.ts';
import type { GrantAction, GrantBody } from '../../../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { aKubernetesAction, anHttpAction } from '../../../support/builders.ts';

/** What is wrong with the grant; fails if nothing is. */
function refusal(action: GrantAction): ProblemError {
  try {
    grantedAction(action);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'GrantInvalid') return error;
    throw error;
  }
  throw new Error('the action was accepted');
}

const withBody = (body: GrantBody): GrantAction => anHttpAction({ body });

describe('a grant that could never match, or be read in two ways, is refused by the name of its field', () => {
  it.each<[string, GrantAction, string, string]>([
    [
      'a URL with user information',
      anHttpAction({ url: 'https://a@b.example/' }),
      'spec.action.http.url',
      'not a plain host name',
    ],
    [
      'a URL with dot segments',
      anHttpAction({ url: 'https://b.example/a/../b' }),
      'spec.action.http.url',
      'dot segment',
    ],
    [
      'a header in capitals',
      anHttpAction({ headers: { 'X-Dry-Run': '1' } }),
      'spec.action.http.headers[X-Dry-Run]',
      'lower case',
    ],
    [
      'a header name with hostile characters',
      anHttpAction({ headers: { 'x\r\n\u202e': '1' } }),
      'spec.action.http.headers[x???]',
      'lower case',
    ],
    [
      'an inert header',
      anHttpAction({ headers: { 'user-agent': 'curl' } }),
      'spec.action.http.headers[user-agent]',
      'leave it out',
    ],
    [
      'a credential',
      anHttpAction({ headers: { authorization: 'Bearer x' } }),
      'spec.action.http.headers[authorization]',
      'leave it out',
    ],
    [
      'a framing header',
      anHttpAction({ headers: { 'transfer-encoding': 'chunked' } }),
      'spec.action.http.headers[transfer-encoding]',
      'leave it out',
    ],
    [
      'a header value with a line feed',
      anHttpAction({ headers: { 'x-a': 'b\nc' } }),
      'spec.action.http.headers[x-a]',
      'printable ASCII',
    ],
    [
      'a header value with a space at its end',
      anHttpAction({ headers: { 'x-a': 'b ' } }),
      'spec.action.http.headers[x-a]',
      'printable ASCII',
    ],
    [
      'a GET with a body',
      anHttpAction({ method: 'GET', body: { type: 'Any' } }),
      'spec.action.http.body',
      'has no body',
    ],
    ['no HTTP action', { type: 'HTTP' }, 'spec.action.http', 'is required'],
    ['no Kubernetes action', { type: 'Kubernetes' }, 'spec.action.kubernetes', 'is required'],
    ['an MCP action', { type: 'MCP' }, 'spec.action.type', 'use HTTP'],
    ['JSON without text', withBody({ type: 'JSON' }), 'spec.action.http.body.json', 'is required'],
    [
      'SHA256 without digest',
      withBody({ type: 'SHA256' }),
      'spec.action.http.body.sha256',
      'is required',
    ],
    [
      'JSON that is none',
      withBody({ type: 'JSON', json: '{a: 1}' }),
      'spec.action.http.body.json',
      'A key must be a string at position 1',
    ],
    [
      'JSON with a duplicate key',
      withBody({ type: 'JSON', json: '{"a":1,"a":2}' }),
      'spec.action.http.body.json',
      'appears twice at position 7',
    ],
    [
      'JSON with a number that a double does not keep',
      withBody({ type: 'JSON', json: '{"id":9007199254740993}' }),
      'spec.action.http.body.json',
      'send it as a string',
    ],
    [
      'JSON with a lone surrogate',
      withBody({ type: 'JSON', json: '"\\ud800"' }),
      'spec.action.http.body.json',
      'lone surrogate',
    ],
    [
      'the same in a Kubernetes action',
      aKubernetesAction({ verb: 'create', body: { type: 'JSON', json: '{"a":1,"a":2}' } }),
      'spec.action.kubernetes.body.json',
      'appears twice',
    ],
  ])('%s', (_, action, field, reason) => {
    const error = refusal(action);
    expect(error.field).toBe(field);
    expect(error.detail.startsWith(`${field}: `)).toBe(true);
    expect(error.detail).toContain(reason);
    expect(error.detail).toMatch(/^[\x20-\x7e…]*\.$/);
    // The field is named once.
    expect(error.detail.split('spec.action')).toHaveLength(2);
  });

  it('a number that would take long to compare, quickly', () => {
    const start = performance.now();
    refusal(withBody({ type: 'JSON', json: `1${'0'.repeat(32_000)}1` }));
    expect(performance.now() - start).toBeLessThan(200);
  });
});

describe('the summary', () => {
  it.each<[string, GrantAction, string]>([
    ['an HTTP call', anHttpAction(), 'POST edr.example.com/v1/hosts/host-7/quarantine'],
    [
      'a call without scheme and default port, but with its query',
      anHttpAction({ url: 'https://B.example:443?a=b' }),
      'POST b.example/?a=b',
    ],
    [
      'a call with any body',
      withBody({ type: 'Any' }),
      'POST edr.example.com/v1/hosts/host-7/quarantine (any body)',
    ],
    ['a Kubernetes call', aKubernetesAction(), 'delete pods shop/checkout-0'],
    [
      'a group and a subresource',
      aKubernetesAction({
        verb: 'update',
        apiGroup: 'apps',
        resource: 'deployments',
        subresource: 'scale',
        body: { type: 'Any' },
      }),
      'update deployments.apps/scale shop/checkout-0 (any body)',
    ],
    [
      'cluster-wide reading',
      { type: 'Kubernetes', kubernetes: { verb: 'list', version: 'v1', resource: 'nodes' } },
      'list nodes',
    ],
  ])('of %s', (_, action, expected) => {
    expect(grantedAction(action).summary).toBe(expected);
  });

  it('of a long call is cut, and still says that any body matches', () => {
    const url = `https://b.example/${'x'.repeat(2_000)}`;
    const { summary } = grantedAction(anHttpAction({ url, body: { type: 'Any' } }));
    expect(summary).toHaveLength(160);
    expect(summary.endsWith('... (any body)')).toBe(true);
  });

  it('is at most 160 printable ASCII characters, whatever the text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 90 });
    fc.assert(
      fc.property(text, text, text, fc.boolean(), (namespace, name, method, any) => {
        const body = any ? ({ type: 'Any' } as const) : undefined;
        const actions = [
          aKubernetesAction({ namespace, name, ...(body && { body }) }),
          {
            type: 'HTTP',
            http: { method: `M${method}`, url: 'https://b.example/', ...(body && { body }) },
          },
        ] as const;
        for (const action of actions) {
          const { summary } = grantedAction(action);
          expect(summary).toMatch(/^[\x20-\x7e]{1,160}$/);
          expect(summary.endsWith(' (any body)')).toBe(any);
        }
      }),
    );
  });
});

it('an HTTP action says where it goes, a Kubernetes action does not', () => {
  const action = anHttpAction({ url: 'https://B.example' });
  expect(grantedAction(action).url).toEqual({ scheme: 'https', host: 'b.example', port: 443 });
  expect(grantedAction(aKubernetesAction()).url).toBeUndefined();
});

it('two spellings of one action have one digest', () => {
  const digest = (url: string, json: string) =>
    grantedAction(anHttpAction({ url, body: { type: 'JSON', json } })).digest;
  expect(digest('https://B.example:443', '{"a": 1.0, "b": "\\u0041"}')).toBe(
    digest('https://b.example/', '{"b":"A","a":1e0}'),
  );
});
