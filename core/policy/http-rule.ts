/** A rule about HTTP calls. */

import { API_SERVER_NAME } from '../api/names.ts';
import { positionIn } from '../text/position.ts';
import { DEFAULT_PORT } from '../text/url.ts';
import type { HttpCall } from './call/call.ts';
import type { Findings } from './finding.ts';
import { coversHosts, type HostPatterns, matchesHost, readHosts } from './host-pattern.ts';
import { coversPaths, matchPath, type PathPattern, readPaths } from './path-pattern.ts';
import type { HttpRule, PolicyEffect } from './policy.ts';
import { type Matcher, type RuleKind, restricts } from './rule-kind.ts';
import { coversSet, oneOfSet, readPorts, type SetOrEvery } from './value-set.ts';

export interface HttpMatcher extends Matcher<HttpCall> {
  readonly hosts: HostPatterns;
  readonly schemes: ReadonlySet<string>;
  readonly ports: SetOrEvery<number>;
  readonly methods: SetOrEvery<string>;
  readonly paths: readonly PathPattern[];
  readonly query: 'Any' | 'None';
}

const METHOD = /^[A-Z][A-Z0-9-]{0,31}$/;
/** Refused whatever a policy says. */
const NEVER: readonly string[] = ['CONNECT', 'TRACE'];

export const HTTP_RULE: RuleKind<HttpCall, HttpMatcher> = {
  kind: 'http',

  read(rule, field, findings) {
    const http = rule.http as HttpRule;
    const at = `${field}.http`;
    const hosts = readHosts(http.hosts, `${at}.hosts`, findings);
    const schemes = schemesOf(http, rule.effect);
    const ports = portsOf(http, rule.effect, `${at}.ports`, findings);
    const methods = readMethods(http.methods, `${at}.methods`, findings);
    const paths = readPaths(http.paths, `${at}.paths`, findings);
    const query = http.query ?? (rule.effect === 'Grant' ? 'None' : 'Any');
    warnOfApiServer(http.hosts, `${at}.hosts`, findings);
    if (http.query === 'None' && restricts(rule.effect)) {
      findings.warn(
        `${at}.query`,
        'lets every call with a query go past the rule',
        'leave the field out',
      );
    }
    return {
      hosts,
      schemes,
      ports,
      methods,
      paths,
      query,
      mayMatch: ({ scheme, host, port }) =>
        schemes.has(scheme) && oneOfSet(ports, port) && matchesHost(hosts, host),
      matches: (call) =>
        oneOfSet(methods, call.action.method) && (query === 'Any' || call.query === '')
          ? matchPath(paths, call.path)
          : 'No',
    };
  },

  covers: (outer, inner) =>
    coversHosts(outer.hosts, inner.hosts) &&
    coversSet(outer.schemes, inner.schemes) &&
    coversSet(outer.ports, inner.ports) &&
    coversSet(outer.methods, inner.methods) &&
    (outer.query === 'Any' || inner.query === 'None') &&
    coversPaths(outer.paths, inner.paths),
};

function schemesOf({ scheme }: HttpRule, effect: PolicyEffect): ReadonlySet<string> {
  if (scheme !== undefined) return new Set([scheme.toLowerCase()]);
  return new Set(effect === 'Deny' ? ['http', 'https'] : ['https']);
}

/** What is left out does not narrow a Deny: else a port beside the usual one would go past it. */
function portsOf(
  { ports, scheme }: HttpRule,
  effect: PolicyEffect,
  field: string,
  findings: Findings,
): SetOrEvery<number> {
  if (ports !== undefined && ports.length > 0) return readPorts(ports, field, findings);
  if (effect === 'Deny') return 'every';
  return new Set([DEFAULT_PORT[scheme === 'HTTP' ? 'http' : 'https']]);
}

function readMethods(
  methods: readonly string[],
  field: string,
  findings: Findings,
): SetOrEvery<string> {
  if (methods.length === 0) findings.error(field, 'is empty', 'write "*" for every method');
  methods.forEach((method, index) => {
    if (method === '*') return;
    const at = `${field}[${index}]`;
    if (NEVER.includes(method)) {
      findings.error(at, `is ${method}, which is always refused`, 'leave it out');
    } else if (!METHOD.test(method)) {
      const legal = /^[A-Z][A-Z0-9-]*/.exec(method)?.[0].length ?? 0;
      findings.error(
        at,
        'is no method',
        'write it in capitals, such as GET',
        positionIn(method, legal),
      );
    }
  });
  return methods.includes('*') ? 'every' : new Set(methods);
}

function warnOfApiServer(hosts: readonly string[], field: string, findings: Findings): void {
  hosts.forEach((host, index) => {
    if (!API_SERVER_NAME.test(host)) return;
    findings.warn(
      `${field}[${index}]`,
      'can never match: calls to the API server are of the kind kubernetes',
      'write a rule with kubernetes instead',
    );
  });
}
