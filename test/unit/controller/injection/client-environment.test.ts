import { describe, expect, test } from 'vitest';
import {
  CLIENT_VARIABLES,
  withClientVariables,
} from '../../../../controller/injection/client-environment.ts';
import type { EnvironmentVariable } from '../../../../controller/pods/pod.ts';
import { AGENT_DIRECTORY } from '../../../../core/api/pod-layout.ts';

test('each variable is there once, with where its client documents it', () => {
  const names = CLIENT_VARIABLES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { clients, source } of CLIENT_VARIABLES) {
    expect(clients).not.toBe('');
    for (const address of source.split(' ')) expect(address).toMatch(/^https:\/\//);
  }
});

test('every value leads into the directory that the sidecar writes', () => {
  for (const { value } of CLIENT_VARIABLES) expect(value).toContain(`${AGENT_DIRECTORY}/`);
});

test('a container without variables gets all of them', () => {
  expect(withClientVariables([])).toEqual(
    CLIENT_VARIABLES.map(({ name, value }) => ({ name, value })),
  );
});

describe('a variable of the container', () => {
  const own: EnvironmentVariable[] = [
    { name: 'HOME', value: '/work' },
    { name: 'SSL_CERT_FILE', value: '/own.pem' },
    { name: 'CURL_CA_BUNDLE' },
    { name: 'PIP_CERT', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'JAVA_TOOL_OPTIONS', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ];

  test('stays, in its place, before those that are added', () => {
    const env = withClientVariables(own);
    expect(env.slice(0, own.length)).toEqual(own);
    expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
    expect(env).toHaveLength(own.length + CLIENT_VARIABLES.length - (own.length - 1));
  });

  test('is not added to a second time', () => {
    const once = withClientVariables([{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx1g' }]);
    expect(withClientVariables(once)).toEqual(once);
  });

  test.for<[before: string | undefined, after: RegExp]>([
    [undefined, /^-Djavax\.net\.ssl\.trustStore=\S+ca\.jks \S+ \S+=changeit$/],
    ['', /^-Djavax\.net\.ssl\.trustStore=\S+ca\.jks \S+ \S+=changeit$/],
    ['-Xmx1g', /^-Xmx1g -Djavax\.net\.ssl\.trustStore=\S+ca\.jks \S+ \S+=changeit$/],
    ['-Djavax.net.ssl.trustStore=/own.jks', /^-Djavax\.net\.ssl\.trustStore=\/own\.jks$/],
  ])("with Java's options %j gets the trust store, unless it has one", ([value, after]) => {
    const [java] = withClientVariables([
      { name: 'JAVA_TOOL_OPTIONS', ...(value !== undefined && { value }) },
    ]);
    expect(java?.value).toMatch(after);
  });
});
