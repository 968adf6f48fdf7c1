/** A rule about connections that are no HTTP: only whether there may be one. */

import type { TcpCall } from './call/call.ts';
import { coversHosts, type HostPatterns, matchesHost, readHosts } from './host-pattern.ts';
import type { TcpRule } from './policy.ts';
import type { Matcher, RuleKind } from './rule-kind.ts';
import { coversSet, readPorts } from './value-set.ts';

export interface TcpMatcher extends Matcher<TcpCall> {
  readonly hosts: HostPatterns;
  readonly ports: ReadonlySet<number>;
}

/** What is spoken there is HTTP, and judged call by call. */
const HTTP_PORTS: readonly number[] = [80, 443];

export const TCP_RULE: RuleKind<TcpCall, TcpMatcher> = {
  kind: 'tcp',

  read(rule, field, findings) {
    const spec = rule.tcp as TcpRule;
    const hosts = readHosts(spec.hosts, `${field}.tcp.hosts`, findings, true);
    const ports = readPorts(spec.ports, `${field}.tcp.ports`, findings);
    if (ports.size === 0) {
      findings.error(`${field}.tcp.ports`, 'is empty', 'write each port');
    }
    spec.ports.forEach((port, index) => {
      if (!HTTP_PORTS.includes(port)) return;
      findings.error(
        `${field}.tcp.ports[${index}]`,
        `is ${port}, which is for HTTP`,
        'write a rule with http instead',
      );
    });
    return {
      hosts,
      ports,
      mayMatch: ({ host, port }) => ports.has(port) && matchesHost(hosts, host),
      matches: () => 'Yes',
    };
  },

  covers: (outer, inner) =>
    coversHosts(outer.hosts, inner.hosts) && coversSet(outer.ports, inner.ports),
};
