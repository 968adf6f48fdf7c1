/** Which HTTP calls a rule is about, by its effect: what restricts is read more broadly than what permits. */

import { describe, expect, it } from 'vitest';
import { Findings } from '../../../../core/policy/finding.ts';
import { HTTP_RULE } from '../../../../core/policy/http-rule.ts';
import type { HttpRule, PolicyEffect } from '../../../../core/policy/policy.ts';
import { anHttpRule } from '../../../support/policies.ts';
import { aCall } from '../../../support/policy-calls.ts';

function match(http: Partial<HttpRule>, url: string, effect: PolicyEffect = 'Allow'): string {
  const matcher = HTTP_RULE.read(anHttpRule({ http, effect }), 'rule', new Findings());
  const call = aCall({ url });
  return matcher.mayMatch(call) ? matcher.matches(call) : 'No';
}

describe('hosts', () => {
  it.each([
    ['a.example.com', 'a.example.com', 'Yes'],
    ['a.example.com', 'b.a.example.com', 'No'],
    ['a.example.com', 'xa.example.com', 'No'],
    ['*.example.com', 'a.example.com', 'Yes'],
    ['*.example.com', 'b.a.example.com', 'Yes'],
    ['*.example.com', 'example.com', 'No'],
    ['*.example.com', 'badexample.com', 'No'],
    ['*', 'anything.test', 'Yes'],
    ['10.0.0.1', '10.0.0.1', 'Yes'],
    ['[::1]', '[::1]', 'Yes'],
  ])('%s and %s: %s', (pattern, host, expected) => {
    expect(match({ hosts: [pattern] }, `https://${host}/`)).toBe(expected);
  });
});

describe('paths', () => {
  it.each([
    ['/**', '/', 'Yes'],
    ['/**', '/a/b/', 'Yes'],
    ['/', '/', 'Yes'],
    ['/', '/a', 'No'],
    ['/a', '/a', 'Yes'],
    ['/a', '/a/b', 'No'],
    ['/a/**', '/a', 'Yes'],
    ['/a/**', '/a/b/c', 'Yes'],
    ['/a/**', '/ab', 'No'],
    ['/a/*', '/a/b', 'Yes'],
    ['/a/*', '/a/b/c', 'No'],
    ['/a/*', '/a/', 'No'],
    ['/a/*/c', '/a/b/c', 'Yes'],
    ['/a/*/c', '/a/b/d', 'No'],
    ['/a/*/**', '/a/b', 'Yes'],
    ['/a/*/**', '/a', 'No'],
    ['/projects/*/issues', '/projects/group%2Fshop/issues', 'Yes'],
    ['/projects/group%2Fshop', '/projects/group%2fshop', 'Yes'],
    ['/a', '/%61', 'Yes'],
    ['/%61', '/a', 'Yes'],
    ['/a%2Fb', '/a/b', 'Alike'],
    ['/a', '/A', 'Alike'],
    ['/a', '/a/', 'Alike'],
    ['/a/b', '/a%2Fb', 'Alike'],
    ['/a/b', '/a%252Fb', 'Alike'],
    ['/a/b', '/a;v=1/b', 'Alike'],
    ['/pulls/*/merge', '/pulls/7/MERGE;x', 'Alike'],
    ['/pulls/*/merge', '/pulls/7/m%45rge', 'Alike'],
    ['/pulls/*/merge', '/pulls/7/mergers', 'No'],
    ['/a', '/a?b', 'Yes'],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(match({ paths: [pattern] }, `https://forge.example.com${path}`)).toBe(expected);
  });
});

describe('scheme, ports and query, where they are left out', () => {
  it.each<[PolicyEffect, string, string]>([
    ['Allow', 'https://forge.example.com/', 'Yes'],
    ['Allow', 'http://forge.example.com/', 'No'],
    ['Allow', 'https://forge.example.com:8443/', 'No'],
    ['Allow', 'https://forge.example.com/?a=1', 'Yes'],
    ['Grant', 'https://forge.example.com/?a=1', 'No'],
    ['Grant', 'https://forge.example.com/?', 'No'],
    ['Ask', 'https://forge.example.com/?a=1', 'Yes'],
    ['Ask', 'http://forge.example.com/', 'No'],
    ['Deny', 'http://forge.example.com/', 'Yes'],
    ['Deny', 'https://forge.example.com:8443/?a=1', 'Yes'],
  ])('%s and %s: %s', (effect, url, expected) => {
    expect(match({}, url, effect)).toBe(expected);
  });

  it.each<[Partial<HttpRule>, string, string]>([
    [{ scheme: 'HTTP' }, 'http://forge.example.com/', 'Yes'],
    [{ scheme: 'HTTP' }, 'https://forge.example.com/', 'No'],
    [{ ports: [8443] }, 'https://forge.example.com:8443/', 'Yes'],
    [{ ports: [8443] }, 'https://forge.example.com/', 'No'],
    [{ query: 'None' }, 'https://forge.example.com/?a', 'No'],
    [{ methods: ['GET'] }, 'https://forge.example.com/', 'No'],
    [{ methods: ['GET', 'POST'] }, 'https://forge.example.com/', 'Yes'],
  ])('%j and %s: %s', (http, url, expected) => {
    expect(match(http, url)).toBe(expected);
  });
});
