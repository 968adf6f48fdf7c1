import { describe, expect, it } from 'vitest';
import { type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';
import {
  MAX_REFUSALS_REPORTED,
  parseFinishRequest,
  parseNonce,
  parseRefusalReport,
  parseUseAnswer,
  parseUseRequest,
} from '../../../../core/wire/wire.ts';

const NONCE = '0f8fad5b-d9cb-469f-a165-70867728950e';
const SHA256 = 'a'.repeat(64);

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
const finish = {
  grant: { namespace: 'soc', name: 'quarantine-1', uid: 'u1' },
  outcome: 'Succeeded',
  responseCode: 200,
  credentialToken: 'a.b.c',
};
const answer = {
  nonce: NONCE,
  grant: { namespace: 'soc', name: 'quarantine-1', uid: 'u1' },
  bodyForm: 'JSON',
  timeoutMilliseconds: 30_000,
  credential: { token: 'a.b.c', expirationTime: '2026-01-02T12:10:00Z' },
};

interface Message {
  parse(value: unknown): unknown;
  valid: object;
  /** Members by path, with what they may not be. `?` at the end: it may be absent. */
  members: Record<string, unknown[]>;
}

const NOT_TEXT = [null, 1, true, {}, [], ''];
const NOT_TEXT_OR_EMPTY = NOT_TEXT.filter((value) => value !== '');
const NOT_OBJECT = [null, 1, 'x', true, []];
const NOT_NONCE = [...NOT_TEXT, NONCE.toUpperCase(), NONCE.replace('469f', '169f'), `${NONCE} `];
const NOT_DIGEST = [...NOT_TEXT, 'a'.repeat(63), 'A'.repeat(64), `${SHA256}\n`];
const notInteger = (min: number, max: number) => [
  ...[null, '1', true, {}, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
  ...[min - 1, max + 1],
];
const longerThan = (limit: number) => 'x'.repeat(limit + 1);
const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, '']));

const MESSAGES: Record<string, Message> = {
  'a use request for HTTP': {
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
  },
  'a use request for Kubernetes': {
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
  },
  'a finish request': {
    parse: parseFinishRequest,
    valid: finish,
    members: {
      'grant?': NOT_OBJECT,
      'grant.namespace': [...NOT_TEXT, longerThan(63)],
      'grant.name': [...NOT_TEXT, longerThan(253)],
      'grant.uid': [...NOT_TEXT, longerThan(64)],
      outcome: [...NOT_TEXT, 'succeeded'],
      'responseCode?': notInteger(100, 599),
      'credentialToken?': [...NOT_TEXT, longerThan(16_384)],
    },
  },
  'a use answer': {
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
  },
};

/** A deep copy with one member set, or removed if `value` is undefined. */
function withMember(valid: object, path: string, value: unknown): unknown {
  const copy: Record<string, unknown> = structuredClone(valid) as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, copy);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

/** The field that the refusal names; fails if there is none. */
function refusedField(parse: () => unknown): string | undefined {
  try {
    parse();
  } catch (error) {
    if (
      error instanceof ProblemError &&
      error.code === ('RequestMalformed' satisfies ProblemCode)
    ) {
      expect(error.detail.startsWith(`${error.field} `)).toBe(true);
      expect(error.detail).toMatch(/^[\x20-\x7e]*\.$/);
      return error.field;
    }
    throw error;
  }
  throw new Error('the message was accepted');
}

describe.each(Object.entries(MESSAGES))('%s', (_, { parse, valid, members }) => {
  it('that is right is taken as it is', () => {
    expect(parse(valid)).toEqual(valid);
  });

  it.each([[null], [undefined], ['text'], [1], [[]]])('must be an object and not %j', (value) => {
    expect(refusedField(() => parse(value))).toBe('body');
  });

  for (const [name, wrong] of Object.entries(members)) {
    const path = name.replace('?', '');
    it.each(wrong.map((value) => [value]))(`names ${path} when it is %j`, (value) => {
      expect(refusedField(() => parse(withMember(valid, path, value)))).toBe(path);
    });

    const isMapEntry = /headers\.|queryParameters\./.test(path);
    if (name.endsWith('?') || isMapEntry) {
      it(`may lack ${path}`, () => {
        const without = withMember(valid, path, undefined);
        expect(parse(without)).toEqual(without);
      });
    } else {
      it(`names ${path} when it is missing`, () => {
        const field = refusedField(() => parse(withMember(valid, path, undefined)));
        expect(field?.replace(/^body\./, '')).toBe(path);
      });
    }
  }

  it('names a member that it does not know, wherever it is', () => {
    const objects = ['', ...Object.keys(members).map((name) => name.replace('?', ''))].filter(
      (path) => {
        const value = path
          .split('.')
          .reduce<unknown>(
            (at, name) => (name === '' ? at : (at as Record<string, unknown>)[name]),
            valid,
          );
        return typeof value === 'object' && !/headers|queryParameters/.test(path);
      },
    );
    for (const path of objects) {
      for (const extra of ['extra', 'toString']) {
        const at = path === '' ? extra : `${path}.${extra}`;
        const field = refusedField(() => parse(withMember(valid, at, 1)));
        expect(field).toBe(path === '' ? `body.${extra}` : at);
      }
    }
  });

  it('does not repeat the hostile name of a member', () => {
    const field = refusedField(() => parse({ ...valid, [`\u202e\n${'x'.repeat(100)}`]: 1 }));
    expect(field).toBe(`body.??${'x'.repeat(58)}...`);
  });
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

describe('a report of refusals', () => {
  const refusal = { code: 'GrantRequired', attempted: 'GET https://a.example/x', count: 3 };
  const report = (...refusals: unknown[]) => ({ refusals });

  it.each([
    ['one', report(refusal)],
    ['as many as it may hold', report(...Array(MAX_REFUSALS_REPORTED).fill(refusal))],
    ['the longest words', report({ ...refusal, attempted: '~'.repeat(160) })],
    ['the shortest words, which may be a space', report({ ...refusal, attempted: ' ' })],
    ['the largest count', report({ ...refusal, count: 1_000_000 })],
  ])('that holds %s is taken as it is', (_, valid) => {
    expect(parseRefusalReport(valid)).toEqual(valid);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'body'],
    ['a list', [refusal], 'body'],
    ['nothing', {}, 'body.refusals'],
    ['a member of its own', { ...report(refusal), pod: 'x' }, 'body.pod'],
    ['no refusal', report(), 'refusals'],
    ['too many', report(...Array(MAX_REFUSALS_REPORTED + 1).fill(refusal)), 'refusals'],
    ['a list in disguise', { refusals: { length: 1, 0: refusal } }, 'refusals'],
    ['text for a refusal', report(refusal, 'x'), 'refusals[1]'],
    ['a refusal with a member of its own', report({ ...refusal, pod: 'x' }), 'refusals[0].pod'],
    ['no words', report({ code: 'GrantRequired', count: 1 }), 'refusals[0].attempted'],
    ['no count', report({ ...refusal, count: undefined }), 'refusals[0].count'],
    ...[null, '', 'x'.repeat(161), 'a\nb', '\u202e', 'caf\u00e9', {}].map(
      (attempted): [string, unknown, string] => [
        `the words ${JSON.stringify(attempted)}`,
        report({ ...refusal, attempted }),
        'refusals[0].attempted',
      ],
    ),
    ...[null, '', 'grantRequired', 'toString', '__proto__', 403].map(
      (code): [string, unknown, string] => [
        `the code ${JSON.stringify(code)}`,
        report({ ...refusal, code }),
        'refusals[0].code',
      ],
    ),
    ...notInteger(1, 1_000_000).map((count): [string, unknown, string] => [
      `the count ${count}`,
      report({ ...refusal, count }),
      'refusals[0].count',
    ]),
  ])('is refused for %s, by name', (_, value, field) => {
    expect(refusedField(() => parseRefusalReport(value))).toBe(field);
  });
});

it('a nonce names the field that its caller gives', () => {
  expect(parseNonce(NONCE)).toBe(NONCE);
  expect(refusedField(() => parseNonce('x', 'path'))).toBe('path');
});
