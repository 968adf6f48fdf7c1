import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Action, actionType } from '../../../../core/action/action.ts';
import type { ActionBody } from '../../../../core/action/body.ts';
import { actionKeys } from '../../../../core/action/digest.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import { grantManifest } from '../../../../core/action/manifest.ts';
import type { ActionGrant, GrantBody } from '../../../../core/api/generated/actiongrant.ts';
import { findHidden } from '../../../../core/text/hidden.ts';
import { canonicalJson, type JsonValue, parseStrictJson } from '../../../../core/text/json.ts';
import { sha256Hex } from '../../../../core/text/sha256.ts';
import { aKubernetesCall } from '../../../support/exchange.ts';

const AGENT = { namespace: 'soc', serviceAccountName: 'incident-agent' };

const httpCall = (overrides: Partial<Extract<Action, { type: 'HTTP' }>> = {}): Action => ({
  type: 'HTTP',
  method: 'POST',
  url: 'https://edr.example.com/v1/hosts/host-7/quarantine?now',
  headers: {},
  body: { kind: 'none' },
  ...overrides,
});

/** The facts of a JSON body, and the text that goes with them. */
function jsonBody(value: JsonValue): { body: ActionBody; bodyJson: string } {
  const bodyJson = canonicalJson(value);
  const sha256 = sha256Hex(JSON.stringify(value, null, 1));
  return { body: { kind: 'bytes', sha256, jsonSha256: sha256Hex(bodyJson) }, bodyJson };
}

/** The manifest as a YAML 1.2 and as a YAML 1.1 parser read it: they must agree. */
function read(manifest: string): ActionGrant {
  const [newer, older] = (['1.2', '1.1'] as const).map((version) =>
    parse(manifest, { version, strict: true, uniqueKeys: true, logLevel: 'error' }),
  );
  expect(older).toEqual(newer);
  return newer;
}

const bodyOf = (manifest: string): GrantBody | undefined => {
  const { http, kubernetes } = read(manifest).spec.action;
  return (http ?? kubernetes)?.body;
};

it('the manifest of an HTTP call is a whole grant that a person can complete', () => {
  const { body, bodyJson } = jsonBody({ reason: 'beaconing' });
  const action = httpCall({ headers: { 'if-match': '"7"' }, body });
  expect(read(grantManifest(action, { ...AGENT, bodyJson }))).toEqual({
    apiVersion: 'actiongrant.dev/v1alpha1',
    kind: 'ActionGrant',
    metadata: { generateName: 'incident-agent-', namespace: 'soc' },
    spec: {
      agent: { serviceAccountName: 'incident-agent' },
      action: {
        type: 'HTTP',
        http: {
          method: 'POST',
          url: 'https://edr.example.com/v1/hosts/host-7/quarantine?now',
          headers: { 'if-match': '"7"' },
          body: { type: 'JSON', json: '{"reason":"beaconing"}' },
        },
      },
      credential: {
        type: 'ServiceAccountToken',
        serviceAccountToken: {
          serviceAccountName: 'REPLACE-ME',
          audience: 'https://edr.example.com',
        },
      },
      approvedByRequester: true,
      justification: 'REPLACE-ME: why the agent should do this',
    },
  });
});

it('the manifest of a Kubernetes call names no audience, and nothing that is empty', () => {
  const { action, credential } = read(grantManifest(aKubernetesCall(), AGENT)).spec;
  expect(action.kubernetes).toEqual({
    verb: 'delete',
    version: 'v1',
    resource: 'pods',
    namespace: 'shop',
    name: 'checkout-0',
  });
  expect(credential?.serviceAccountToken).toEqual({ serviceAccountName: 'REPLACE-ME' });
});

it('the manifest of a call in clear text has no credential, which would make it unacceptable', () => {
  const { spec } = read(grantManifest(httpCall({ url: 'http://a.example/' }), AGENT));
  expect(spec.credential).toBeUndefined();
});

describe('the body of a manifest', () => {
  it('is absent for a call without', () => {
    expect(bodyOf(grantManifest(httpCall(), AGENT))).toBeUndefined();
  });

  it('is Any for a body that was too large to read', () => {
    const manifest = grantManifest(httpCall({ body: { kind: 'unread' } }), AGENT);
    expect(bodyOf(manifest)).toEqual({ type: 'Any' });
  });

  it('is the digest of what is not JSON', () => {
    const sha256 = sha256Hex('x');
    const manifest = grantManifest(httpCall({ body: { kind: 'bytes', sha256 } }), AGENT);
    expect(bodyOf(manifest)).toEqual({ type: 'SHA256', sha256 });
  });

  it('is the digest of JSON that is longer than a grant takes', () => {
    const { body, bodyJson } = jsonBody({ note: 'x'.repeat(32_768) });
    expect(bodyOf(grantManifest(httpCall({ body }), { ...AGENT, bodyJson }))?.type).toBe('SHA256');
  });

  it.each<[string, JsonValue]>([
    ['a password', { password: 'hunter2' }],
    ['a password under another name', { new_passwd: 'hunter2' }],
    ['in capitals', { PASSWORD: 'hunter2' }],
    ['an abbreviation', { pwd: 'hunter2' }],
    ['a passphrase', { passphrase: 'hunter2' }],
    ['a client secret', { clientSecret: 'hunter2' }],
    ['a token', { access_token: 'hunter2' }],
    ['credentials', { credentials: { user: 'a', value: 'hunter2' } }],
    ['a private key', { privateKey: 'hunter2' }],
    ['an API key', { 'x-api-key': 'hunter2' }],
    ['an access key', { accessKey: 'hunter2' }],
    ['an authorization', { headers: { Authorization: 'hunter2' } }],
    ['deep inside', { a: [{ b: [1, { userPassword: 'hunter2' }] }] }],
    ['a name with a quotation mark before it', { 'a"password': 'hunter2' }],
  ])('is the digest of JSON that looks like a secret: %s', (_, value) => {
    const { body, bodyJson } = jsonBody(value);
    const manifest = grantManifest(httpCall({ body }), { ...AGENT, bodyJson });
    expect(bodyOf(manifest)?.type).toBe('SHA256');
    expect(manifest).not.toContain('hunter2');
  });

  it('is the digest of a Secret object, whatever its members are called', () => {
    const { body, bodyJson } = jsonBody({ kind: 'Secret', data: { x: 'aHVudGVyMg==' } });
    const action = aKubernetesCall({ verb: 'create', resource: 'secrets', name: '', body });
    const manifest = grantManifest(action, { ...AGENT, bodyJson });
    expect(bodyOf(manifest)?.type).toBe('SHA256');
    expect(manifest).not.toContain('aHVudGVyMg');
  });

  it('has, beside a digest, what the body is, in lines that only people read', () => {
    const { body } = jsonBody({ password: 'hunter2' });
    const bodyAccount = () => ({
      kind: 'application/json, 22 bytes\nx',
      contents: [
        '{"password":"[secret]"}',
        `a\n  approvedByRequester: true\u2028${'x'.repeat(9_000)}`,
      ],
    });
    const manifest = grantManifest(httpCall({ body }), { ...AGENT, bodyAccount });
    expect(bodyOf(manifest)?.type).toBe('SHA256');
    expect(manifest).toContain('" # application/json, 22 bytes\\u000ax\n');
    expect(manifest).toContain('\n        # {"password":"[secret]"}\n');
    expect(manifest).toContain('# a\\u000a  approvedByRequester: true\\u2028xxx');
    expect(manifest.length).toBeLessThan(6_000);
    expect(read(manifest)).toEqual(read(grantManifest(httpCall({ body }), AGENT)));
  });

  it.each<[string, JsonValue]>([
    [
      'a model call',
      {
        model: 'm',
        max_tokens: 1024,
        tokenizer: 'x',
        messages: [{ role: 'user', content: 'count tokens' }],
      },
    ],
    ['a page of a list', { nextPageToken: 'abc', author: 'ana' }],
    [
      'a pod that reads a Secret',
      {
        env: [
          { name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        ],
      },
    ],
  ])('is the JSON of a call that only speaks of tokens: %s', (_, value) => {
    const { body, bodyJson } = jsonBody(value);
    const manifest = grantManifest(httpCall({ body }), { ...AGENT, bodyJson });
    expect(bodyOf(manifest)).toEqual({ type: 'JSON', json: bodyJson });
  });

  it('is text where only a value speaks of secrets', () => {
    const { body, bodyJson } = jsonBody({ reason: 'the "password": was reset' });
    expect(bodyOf(grantManifest(httpCall({ body }), { ...AGENT, bodyJson }))).toEqual({
      type: 'JSON',
      json: bodyJson,
    });
  });

  it('is looked through in time that grows with its length alone', () => {
    const { body, bodyJson } = jsonBody({ a: 'secret'.repeat(5_000) });
    const start = performance.now();
    grantManifest(httpCall({ body }), { ...AGENT, bodyJson });
    expect(performance.now() - start).toBeLessThan(200);
  });
});

describe('for every action', { timeout: 30_000 }, () => {
  /** Text that tries to become structure, or that YAML parsers read in their own ways. */
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constantFrom(
      ...[
        '',
        ' ',
        '~',
        'null',
        'no',
        'yes',
        'true',
        '0x10',
        '1e3',
        '012',
        '.inf',
        '1:30',
        '=',
        '<<',
      ],
      ...[
        '"',
        "'",
        '\\',
        '\\"',
        '\n',
        '\r\n',
        '\t',
        '---',
        '...',
        '- a',
        'a: b',
        '#x',
        'a #b',
        '*a',
      ],
      ...['&a', '!!js/function', '|', '>', '%YAML 1.1', '{{ x }}', '@x', '`x`', '\u0000', '\u0007'],
      ...['\u007f', '\u0085', '\u00a0', '\u2028', '\u2029', '\u202e', '\ufeff', '\uffff', '😀'],
      '"\n  approvedByRequester: true\n  x: "',
      '\\u0022\\n',
      '2001-01-01',
      '__proto__',
    ),
  );
  const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }).map((value) => {
    try {
      // Some doubles have no exact JSON text, and -0 has none: such bodies never get here.
      return jsonBody(parseStrictJson(JSON.stringify(value)));
    } catch {
      return jsonBody(null);
    }
  });
  const body = fc.oneof(
    json,
    hostile.map((text) => jsonBody({ [text]: [text] })),
    fc.constant<{ body: ActionBody }>({ body: { kind: 'none' } }),
    fc.constant<{ body: ActionBody }>({ body: { kind: 'unread' } }),
    hostile.map((text) => ({ body: { kind: 'bytes', sha256: sha256Hex(text) } as ActionBody })),
  );
  const ascii = fc.stringMatching(/^(?:[!-~](?:[ -~\t]{0,20}[!-~])?)?$/);
  const http = fc.record({
    type: fc.constant('HTTP' as const),
    method: fc.stringMatching(/^[A-Z]{1,8}$/).map((m) => `X${m}`),
    url: fc
      .stringMatching(/^[A-Za-z0-9\-_~!$&'()*+,;=:@]{1,20}$/)
      .map((path) => `https://a.example/${path}?${path}`),
    headers: fc.dictionary(fc.stringMatching(/^x[!#$%&'*+\-.^_`|~0-9a-z]{0,9}$/), ascii, {
      maxKeys: 3,
    }),
  });
  const kubernetes = fc.record({
    type: fc.constant('Kubernetes' as const),
    verb: fc.constantFrom('get', 'create', 'patch', 'delete'),
    apiGroup: hostile,
    version: hostile.map((v) => `v${v}`),
    resource: hostile.map((r) => `r${r}`),
    subresource: hostile,
    namespace: hostile,
    name: hostile,
    queryParameters: fc.dictionary(hostile, hostile, { maxKeys: 3 }),
  });
  const call = fc.tuple(fc.oneof(http, kubernetes), body).map(([described, { body, ...rest }]) => {
    // As a call is described: some of the names are those of secrets.
    const call = { ...described, body } as Action;
    return { action: actionType(call).canonical(call, 'call'), ...rest };
  });

  it('the manifest is plain ASCII that YAML 1.2 and 1.1 read alike, and grants exactly that action', () => {
    fc.assert(
      fc.property(call, ({ action, ...rest }) => {
        const manifest = grantManifest(action, { ...AGENT, ...rest });
        expect(manifest).toMatch(/^[\x20-\x7e\n]*$/);
        const { spec } = read(manifest);
        const digests = actionKeys(action).map(({ digest }) => digest);
        expect(digests).toContain(grantedAction(spec.action).digest);
      }),
      { numRuns: 300 },
    );
  });

  it('the JSON of a body is one line, and whoever decides sees all of it', () => {
    const value = { note: 'a\u202eb\u200b\u2028\u0085\u{e0061}\n' };
    const { body, bodyJson } = jsonBody(value);
    const { spec } = read(grantManifest(httpCall({ body }), { ...AGENT, bodyJson }));
    const json = spec.action.http?.body?.json ?? '';
    expect(findHidden(json)).toBeUndefined();
    expect(JSON.parse(json)).toEqual(value);
  });

  it('hostile text in it never becomes structure', () => {
    fc.assert(
      fc.property(kubernetes, hostile, hostile, (facts, namespace, serviceAccountName) => {
        const action: Action = { ...facts, body: { kind: 'none' } };
        const grant = read(grantManifest(action, { namespace, serviceAccountName }));
        expect(Object.keys(grant)).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
        expect(Object.keys(grant.spec)).toEqual([
          'agent',
          'action',
          'credential',
          'approvedByRequester',
          'justification',
        ]);
        expect(grant.metadata.namespace).toBe(namespace);
        expect(grant.spec.agent).toEqual({ serviceAccountName });
        const { queryParameters, ...fields } = grant.spec.action.kubernetes ?? {};
        const { type: _, queryParameters: sent, ...given } = facts;
        expect(fields).toEqual(
          Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
        );
        expect(Object.entries(queryParameters ?? {})).toEqual(
          expect.arrayContaining(Object.entries(sent)),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('it has no surrogate escapes, which the YAML parser of kubectl refuses', () => {
    const { body, bodyJson } = jsonBody({ note: '😀' });
    const manifest = grantManifest(httpCall({ body }), { ...AGENT, bodyJson });
    expect(manifest).toContain('\\U0001f600');
    expect(manifest).not.toMatch(/\\ud[89a-f]/i);
  });
});
