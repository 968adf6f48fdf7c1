/** A call meets exactly the grants that state it: compared with a model that looks at one field after the other. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action } from '../../../../core/action/action.ts';
import type { ActionBody } from '../../../../core/action/body.ts';
import { actionKeys } from '../../../../core/action/digest.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import type { PatchType } from '../../../../core/action/kubernetes.ts';
import type { GrantAction, GrantBody } from '../../../../core/api/generated/actiongrant.ts';
import { canonicalJson, parseStrictJson } from '../../../../core/text/json.ts';
import { sha256Hex } from '../../../../core/text/sha256.ts';

/** A body as an agent sends it. */
type Sent = { text: string; isJson: boolean } | 'none' | 'tooLarge';

function described(sent: Sent): ActionBody {
  if (sent === 'none') return { kind: 'none' };
  if (sent === 'tooLarge') return { kind: 'unread' };
  return {
    kind: 'bytes',
    sha256: sha256Hex(sent.text),
    ...(sent.isJson ? { jsonSha256: sha256Hex(canonicalJson(parseStrictJson(sent.text))) } : {}),
  };
}

/** Whether a grant's body covers what was sent: the model. */
function covers(body: GrantBody | undefined, sent: Sent): boolean {
  if (body === undefined) return sent === 'none';
  if (sent === 'none') return false;
  if (body.type === 'Any') return true;
  if (sent === 'tooLarge') return false;
  if (body.type === 'SHA256') {
    const canonical = sent.isJson ? sha256Hex(sorted(JSON.parse(sent.text))) : undefined;
    return body.sha256 === sha256Hex(sent.text) || body.sha256 === canonical;
  }
  // Deep equality, which knows neither order nor spacing.
  return sent.isJson && sorted(JSON.parse(body.json ?? '')) === sorted(JSON.parse(sent.text));
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

const meets = (call: Action, grant: GrantAction): boolean =>
  actionKeys(call).some(({ digest }) => digest === grantedAction(grant).digest);

const TEXTS = ['{"a":1,"b":[2]}', '{ "b": [2], "a": 1.0 }', '{"a":1}', '{"a":"1"}', '[]', 'plain'];
const sentBody: fc.Arbitrary<Sent> = fc.oneof(
  fc.constantFrom<Sent>('none', 'tooLarge'),
  fc.record({ text: fc.constantFrom(...TEXTS), isJson: fc.boolean() }).map(({ text, isJson }) => ({
    text,
    isJson: isJson && text !== 'plain',
  })),
);
const grantBody: fc.Arbitrary<GrantBody | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ type: 'Any' } as const),
  fc.constantFrom(...TEXTS).map((text) => ({ type: 'SHA256', sha256: sha256Hex(text) }) as const),
  fc.constantFrom(...TEXTS.slice(0, 5)).map((json) => ({ type: 'JSON', json }) as const),
);
const few = (...values: string[]) => fc.constantFrom(...values);
const map = (...names: string[]) =>
  fc.dictionary(few(...names), few('', '1', '2'), { maxKeys: 2, noNullPrototype: true });

const httpFacts = fc.record({
  method: few('POST', 'PUT', 'DELETE'),
  url: few(
    'https://a.example/',
    'https://b.example/',
    'https://a.example:8443/',
    'http://a.example/',
    'https://a.example/x',
    'https://a.example/X',
    'https://a.example/x?',
    'https://a.example/x?y=1',
  ),
  // The names of Object.prototype are valid field names, all of them.
  headers: map('x-dry-run', 'if-match', '__proto__', 'constructor'),
});
const kubernetesFacts = fc.record({
  verb: fc.constantFrom('delete', 'patch', 'apply', 'deletecollection' as const),
  apiGroup: few('', 'apps'),
  version: few('v1', 'v1beta1'),
  resource: few('pods', 'secrets'),
  subresource: few('', 'status'),
  namespace: few('', 'shop', 'status'),
  name: few('', 'a', 'shop'),
  patchType: fc.constantFrom<PatchType | undefined>(undefined, 'JSON', 'Merge', 'StrategicMerge'),
  queryParameters: map('dryRun', 'force', '__proto__'),
});

type Facts<T> = T extends fc.Arbitrary<infer F> ? F : never;

function httpCall(facts: Facts<typeof httpFacts>, sent: Sent): Action {
  return { type: 'HTTP', ...facts, body: described(sent) };
}

function httpGrant(facts: Facts<typeof httpFacts>, body: GrantBody | undefined): GrantAction {
  const { headers, ...rest } = facts;
  return {
    type: 'HTTP',
    http: {
      ...rest,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    },
  };
}

function kubernetesCall(facts: Facts<typeof kubernetesFacts>, sent: Sent): Action {
  const { patchType, ...rest } = facts;
  return {
    type: 'Kubernetes',
    ...rest,
    ...(patchType === undefined ? {} : { patchType }),
    body: described(sent),
  };
}

/** Leaves out what is empty, as a person would. */
function kubernetesGrant(
  facts: Facts<typeof kubernetesFacts>,
  body: GrantBody | undefined,
): GrantAction {
  const { verb, version, resource, patchType, queryParameters, ...others } = facts;
  return {
    type: 'Kubernetes',
    kubernetes: {
      verb,
      version,
      resource,
      ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== '')),
      ...(patchType === undefined ? {} : { patchType }),
      ...(Object.keys(queryParameters).length === 0 ? {} : { queryParameters }),
      ...(body === undefined ? {} : { body }),
    },
  };
}

/** The same facts, or the same but for some fields taken from others: near misses are what is looked for. */
function nearly<T extends object>(facts: fc.Arbitrary<T>): fc.Arbitrary<[T, T]> {
  return fc
    .tuple(facts, facts, fc.infiniteStream(fc.nat(5)))
    .map(([a, b, dice]): [T, T] => [
      a,
      Object.fromEntries(
        Object.entries(a).map(([key, value]) => [
          key,
          dice.next().value === 0 ? (b as Record<string, unknown>)[key] : value,
        ]),
      ) as T,
    ]);
}

describe('a call meets a grant exactly if every field is the same and the body is covered', () => {
  it('for HTTP', () => {
    let met = 0;
    fc.assert(
      fc.property(nearly(httpFacts), sentBody, grantBody, ([a, b], sent, body) => {
        const expected = sorted(a) === sorted(b) && covers(body, sent);
        expect(meets(httpCall(a, sent), httpGrant(b, body))).toBe(expected);
        if (expected) met++;
      }),
      { numRuns: 5_000 },
    );
    expect(met).toBeGreaterThan(100);
  });

  it('for Kubernetes', () => {
    let met = 0;
    fc.assert(
      fc.property(nearly(kubernetesFacts), sentBody, grantBody, ([a, b], sent, body) => {
        const expected = sorted(a) === sorted(b) && covers(body, sent);
        expect(meets(kubernetesCall(a, sent), kubernetesGrant(b, body))).toBe(expected);
        if (expected) met++;
      }),
      { numRuns: 5_000 },
    );
    expect(met).toBeGreaterThan(100);
  });
});

it('a call to the API server never meets an HTTP grant, whatever both say', () => {
  fc.assert(
    fc.property(httpFacts, kubernetesFacts, sentBody, grantBody, (http, kubernetes, sent, body) => {
      expect(meets(kubernetesCall(kubernetes, sent), httpGrant(http, body))).toBe(false);
      expect(meets(httpCall(http, sent), kubernetesGrant(kubernetes, body))).toBe(false);
    }),
  );
});

describe('what a grant does not mention, the call must not have', () => {
  const url = 'https://a.example/x';
  const grant: GrantAction = { type: 'HTTP', http: { method: 'POST', url } };
  const call = {
    type: 'HTTP',
    method: 'POST',
    url,
    headers: {},
    body: { kind: 'none' },
  } as const satisfies Action;

  it.each<[string, Action]>([
    ['a query', { ...call, url: `${url}?dry_run=false` }],
    ['an empty query', { ...call, url: `${url}?` }],
    ['a header', { ...call, headers: { 'x-dry-run': 'false' } }],
    ['a header with an empty value', { ...call, headers: { 'x-dry-run': '' } }],
    ['a header named __proto__', { ...call, headers: JSON.parse('{"__proto__":"1"}') }],
    ['a body', { ...call, body: described({ text: '{}', isJson: true }) }],
    ['a body that is too large', { ...call, body: { kind: 'unread' } }],
  ])('such as %s', (_, more) => {
    expect(meets(call, grant)).toBe(true);
    expect(meets(more, grant)).toBe(false);
  });

  it('and a header that a grant mentions must be there', () => {
    const listed: GrantAction = {
      type: 'HTTP',
      http: { method: 'POST', url, headers: JSON.parse('{"__proto__":"1"}') },
    };
    expect(meets(call, listed)).toBe(false);
    expect(meets({ ...call, headers: JSON.parse('{"__proto__":"1"}') }, listed)).toBe(true);
  });
});

describe('the keys of a call', () => {
  const withBody = (body: ActionBody): Action => ({
    type: 'HTTP',
    method: 'POST',
    url: 'https://a.example/',
    headers: {},
    body,
  });
  const forms = (sent: Sent) => actionKeys(withBody(described(sent))).map(({ form }) => form);

  it.each<[string, Sent, string[]]>([
    ['no body', 'none', ['None']],
    ['JSON', { text: '{}', isJson: true }, ['JSON', 'SHA256', 'Any']],
    ['other bytes', { text: '{}', isJson: false }, ['SHA256', 'Any']],
    ['a body that is too large', 'tooLarge', ['Any']],
  ])('are, the most specific first, for %s', (_, sent, expected) => {
    expect(forms(sent)).toEqual(expected);
  });

  it('are SHA-256 digests, no two the same', () => {
    const keys = actionKeys(withBody(described({ text: '{}', isJson: true })));
    expect(new Set(keys.map(({ digest }) => digest)).size).toBe(keys.length);
    for (const { digest } of keys) expect(digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('do not confuse the digest of canonical JSON with that of the same raw bytes', () => {
    const text = '{"a":1}';
    const sha256 = sha256Hex(text);
    const asJson: GrantAction = {
      type: 'HTTP',
      http: { method: 'POST', url: 'https://a.example/', body: { type: 'JSON', json: text } },
    };
    // Without a JSON content type the same bytes are not JSON: the canonical form is not what would be sent.
    expect(meets(withBody({ kind: 'bytes', sha256 }), asJson)).toBe(false);
    expect(meets(withBody({ kind: 'bytes', sha256, jsonSha256: sha256 }), asJson)).toBe(true);
  });
});
