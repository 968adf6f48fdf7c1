/**
 * The packet filter of an agent pod, as values. Only the sidecar's user gets out; TCP and DNS of everybody else are led to the
 * sidecar, and all the rest is refused. With the sidecar dead the rules stand, so nothing gets out at all.
 *
 * Where a packet comes from is never guessed from its addresses or direction: an agent may bind any IPv6 address
 * (IPV6_FREEBIND needs no capability), connect to its own pod from it, and would so "reply" to whom it likes. So a connection is
 * marked when it is let in or out, and only marked ones go on. Nor does having no user say that a packet is the sidecar's: the
 * kernel sends for closed sockets, and on sockets of its own (SMC, RxRPC) for whoever asked it to.
 */

import type { SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import type { InboundPorts } from './inbound-ports.ts';

export interface Rule {
  /** In the words of nft, and in the form in which it lists them. Protocols are numbers: a slim image has no /etc/protocols. */
  readonly match: string;
  readonly verdict: string;
  /** Why it is there; nft keeps it beside the rule. */
  readonly why: string;
}

export interface Chain {
  readonly name: string;
  /** Where packets enter it; a chain without is jumped to. */
  readonly hook?: string;
  readonly rules: readonly Rule[];
}

export interface RulesetOptions {
  /** The user that gets out. */
  sidecarUID: number;
  ports: typeof SIDECAR_PORTS;
  inboundPorts: InboundPorts;
}

/** Marks of connections: by the sidecar to outside, and from outside to a declared port. */
const SIDECARS = 'ct mark 0x00000001';
const INBOUND = 'ct mark 0x00000002';
const MARK_SIDECARS = 'ct mark set 0x00000001';
const MARK_INBOUND = 'ct mark set 0x00000002';

/**
 * The chains of the table, in order. IPv4 and IPv6 always: a family that a pod lacks today must not be a gap tomorrow. What no
 * rule accepts (UDP, QUIC, ICMP, SCTP, multicast, what belongs to no connection) is dropped by the policy of its chain, and no
 * rule says so again: one that nothing would miss could not be tested (test/mutation/packet-filter.ts).
 */
export function createRuleset(options: RulesetOptions): Chain[] {
  const { sidecarUID, ports, inboundPorts } = options;
  const sidecar = `meta skuid ${sidecarUID}`;
  const listeners = set([ports.explicitProxy, ports.transparent, ports.dns]);
  const redirected = 'ct status dnat ct direction original';

  const intercept: Rule[] = [
    rule(sidecar, 'return', 'The sidecar calls out itself'),
    rule('oif "lo"', 'return', 'What stays inside the pod is not intercepted'),
    rule(
      'udp dport 53',
      `redirect to :${ports.dns}`,
      'The sidecar answers DNS, whatever server was asked',
    ),
    rule('tcp dport 53', `redirect to :${ports.dns}`, 'DNS over TCP (RFC 7766)'),
    rule('meta l4proto 6', `redirect to :${ports.transparent}`, 'Every other connection'),
  ];

  const output: Rule[] = [
    rule(
      'ct state invalid',
      'drop',
      'Such packets skip NAT and have no mark: neither redirection nor a rule about marks holds them',
    ),
    rule(
      'oif "lo"',
      'goto within_pod',
      'Redirected packets still show the interface they would have left by',
    ),
    rule(
      `${sidecar} meta l4proto { 6, 17 } th sport ${listeners}`,
      'drop',
      'Answers of the listeners stay inside, whatever source address was asked from',
    ),
    rule(
      `${sidecar} ct direction original ct state new`,
      `${MARK_SIDECARS} accept`,
      'Connections of the sidecar',
    ),
    rule(
      `${sidecar} ${SIDECARS} ct direction original ct state established`,
      'accept',
      'and what follows',
    ),
    rule(
      `${INBOUND} ct direction reply ct state established`,
      'accept',
      'Replies to who connected from outside',
    ),
    ...['ip daddr 127.0.0.1', 'ip6 daddr ::1'].flatMap((loopback) => [
      rule(
        `${redirected} ${loopback} tcp dport ${set([ports.transparent, ports.dns])}`,
        'accept',
        'Redirected to the sidecar',
      ),
      rule(
        `${redirected} ${loopback} udp dport ${ports.dns}`,
        'accept',
        'Redirected to the sidecar',
      ),
    ]),
    rule(
      `meta skuid != ${sidecarUID}`,
      'goto refused',
      'Nothing else that is known to be the agent',
    ),
    rule(
      `${SIDECARS} ct direction original ct state established tcp flags ! syn`,
      'accept',
      'The kernel ends what the sidecar closed; no handshake, so nobody can take the connection over',
    ),
    rule(
      'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }',
      'accept',
      'IPv6 needs it (RFC 4861); sent by the kernel, sockets of the agent were refused above',
    ),
  ];

  const withinPod: Rule[] = [
    rule(
      `${sidecar} meta l4proto { 6, 17 } th dport 53`,
      'goto refused',
      'Whoever answers DNS in here is the agent, whatever resolv.conf says',
    ),
    rule(sidecar, 'accept', 'The sidecar'),
    rule(
      `tcp dport ${set([ports.transparent, ports.operations])}`,
      'reject with tcp reset',
      'Metrics are not for the agent, and the transparent listener takes redirected connections only',
    ),
    rule(
      SIDECARS,
      'drop',
      'An answer to the sidecar, its resolver above all, under the address of whom it asked',
    ),
    rule('', 'accept', 'Containers of one pod talk over loopback'),
  ];

  // What it does not answer is left to the policy of the chain that it was reached from, and so dropped.
  const refused: Rule[] = [
    rule(
      'meta l4proto 6',
      'reject with tcp reset',
      'So that the client fails at once; for others EPERM does that',
    ),
  ];

  const leaving: Rule[] = [
    rule(
      'oif != "lo" ct status dnat',
      'drop',
      'A socket bound to an interface would send redirected packets through it, to the node',
    ),
  ];

  const input: Rule[] = [
    rule('iif "lo"', 'accept', 'From inside the pod'),
    rule(`${SIDECARS} ct direction reply ct state established`, 'accept', 'Replies to the sidecar'),
    rule(
      `${INBOUND} ct direction original ct state established`,
      'accept',
      'What follows on a declared port',
    ),
    rule(
      'meta l4proto { 1, 58 } ct mark { 0x00000001, 0x00000002 } ct state related',
      'accept',
      'Errors of such connections: path MTU discovery needs them (RFC 1191, RFC 8201)',
    ),
    rule(
      'icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255',
      'accept',
      'IPv6 needs it (RFC 4861); 255 proves that no router passed it on',
    ),
    inbound('tcp', [...inboundPorts.tcp, ports.operations]),
    ...(inboundPorts.udp.length === 0 ? [] : [inbound('udp', inboundPorts.udp)]),
  ];

  return [
    {
      name: 'intercept',
      hook: 'type nat hook output priority -100; policy accept;',
      rules: intercept,
    },
    {
      name: 'output',
      hook: 'type filter hook output priority filter; policy drop;',
      rules: output,
    },
    { name: 'within_pod', rules: withinPod },
    { name: 'refused', rules: refused },
    {
      name: 'leaving',
      hook: 'type filter hook postrouting priority filter; policy accept;',
      rules: leaving,
    },
    { name: 'input', hook: 'type filter hook input priority filter; policy drop;', rules: input },
    // Nodes often hand net.ipv4.ip_forward=1 down: a packet sent out of lo to somewhere else would be passed on.
    { name: 'forward', hook: 'type filter hook forward priority filter; policy drop;', rules: [] },
  ];
}

const rule = (match: string, verdict: string, why: string): Rule => ({ match, verdict, why });

function inbound(protocol: 'tcp' | 'udp', ports: readonly number[]): Rule {
  return rule(
    `${protocol} dport ${set(ports)} ct state new`,
    `${MARK_INBOUND} accept`,
    protocol === 'tcp'
      ? 'Declared ports and probes; ours for the kubelet and metrics'
      : 'Declared ports',
  );
}

/** As nft lists it: ascending, each once, braces only around several. */
function set(ports: readonly number[]): string {
  const sorted = [...new Set(ports)].sort((a, b) => a - b);
  return sorted.length === 1 ? String(sorted[0]) : `{ ${sorted.join(', ')} }`;
}
