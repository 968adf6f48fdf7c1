/** What the code and the CRD both say of names. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  API_GROUP,
  API_SERVER_AUDIENCES,
  API_SERVER_NAME,
  API_SERVER_NAMES,
  API_VERSION,
  BOUND_SECRET_PREFIX,
  boundSecretName,
  EXCHANGE_AUDIENCE,
} from '../../../../core/api/names.ts';

const text = readFileSync(new URL('../../../../crds/actiongrants.yaml', import.meta.url), 'utf8');
const { spec } = parse(text, { maxAliasCount: -1 });

test('the CRD is of the group and version', () => {
  expect(spec.group).toBe(API_GROUP);
  expect(spec.versions.map(({ name }: { name: string }) => name)).toEqual([API_VERSION]);
});

test('the name of a bound Secret tells the grant and the attempt, and begins as all of them do', () => {
  const name = boundSecretName('4711', 2, 'x7k2p');
  expect(name).toBe('ag-4711-2-x7k2p');
  expect(name.startsWith(BOUND_SECRET_PREFIX)).toBe(true);
});

describe('the API server', () => {
  test.each([...API_SERVER_NAMES, 'kubernetes.default.svc.prod.example'])('is %s', (name) => {
    expect(API_SERVER_NAME.test(name)).toBe(true);
  });

  test.each([
    'kubernetes.example.com',
    'kubernetes.default.svc-cdn.example',
    'my.kubernetes.default.svc',
    'kubernetes.default.svcs',
    '',
  ])('is not %j', (name) => {
    expect(API_SERVER_NAME.test(name)).toBe(false);
  });
});

describe('an audience that the CRD refuses of a credential', () => {
  const { audience } =
    spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.credential.properties
      .serviceAccountToken.properties;
  const rules = (audience['x-kubernetes-validations'] as { rule: string }[]).map(
    ({ rule }) => rule,
  );

  test('is that of the exchange', () => {
    expect(rules).toContain(`self != '${EXCHANGE_AUDIENCE}'`);
  });

  test("is the API server's, in every spelling of its name", () => {
    const refused = rules.map((rule) => /^!self\.matches\('(.*)'\)$/.exec(rule.trim())?.[1]);
    const name = API_SERVER_NAME.source
      .slice(1, -1)
      .replaceAll('(?:', '(')
      .replaceAll('\\.', '[.]');
    expect(refused).toContain(`^(https?://)?${name}(:443)?/?$`);
    const pattern = new RegExp(refused.find((found) => found !== undefined) ?? '');
    for (const known of API_SERVER_AUDIENCES) expect(known).toMatch(pattern);
  });
});
