/**
 * Every rule of the packet filter taken out, and every policy that drops turned into one that accepts. A rule that nobody would
 * miss is either not needed or not tested.
 */

import { SIDECAR_PORTS, SIDECAR_UID } from '../../core/api/pod-layout.ts';
import { type Chain, createRuleset } from '../../sidecar/net-init/ruleset.ts';
import type { Mutation } from './run-mutations.ts';

const RULESET = 'sidecar/net-init/ruleset.ts';
const TESTS = 'test/integration/net-init.test.ts';

const OUT = 'the sidecar > gets out: ';
const CONTAINERS = 'containers reach each other';
const REDIRECTED_TCP = 'leads to the sidecar > TCP';
const REDIRECTED_DNS = 'leads to the sidecar > DNS';
const NEIGHBOURS = 'finds its neighbours anew';
const DECLARED = 'a declared port is reached';
const REDIRECTED = 'ct status dnat ct direction original';

/** Per chain, each rule (or the policy), and in the titles (suite > test) of which tests it is that notice its absence. */
const NOTICED_BY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  intercept: {
    'meta skuid 64464 return': `${OUT}TCP`,
    'oif "lo" return': CONTAINERS,
    'udp dport 53 redirect to :15053': REDIRECTED_DNS,
    'tcp dport 53 redirect to :15053': "leads DNS over TCP to the sidecar's DNS",
    'meta l4proto 6 redirect to :15006': REDIRECTED_TCP,
  },
  output: {
    'policy drop': 'QUIC: UDP to port 443',
    'ct state invalid drop': 'lets no segment pass within the pod',
    'oif "lo" goto within_pod': CONTAINERS,
    'meta skuid 64464 meta l4proto { 6, 17 } th sport { 15001, 15006, 15053 } drop':
      'keeps what the listeners of the sidecar say in the pod',
    'meta skuid 64464 ct direction original ct state new ct mark set 0x00000001 accept': `${OUT}TCP`,
    'meta skuid 64464 ct mark 0x00000001 ct direction original ct state established accept':
      'go on with a conversation',
    'ct mark 0x00000002 ct direction reply ct state established accept': DECLARED,
    [`${REDIRECTED} ip daddr 127.0.0.1 tcp dport { 15006, 15053 } accept`]: REDIRECTED_TCP,
    [`${REDIRECTED} ip daddr 127.0.0.1 udp dport 15053 accept`]: REDIRECTED_DNS,
    [`${REDIRECTED} ip6 daddr ::1 tcp dport { 15006, 15053 } accept`]: REDIRECTED_TCP,
    [`${REDIRECTED} ip6 daddr ::1 udp dport 15053 accept`]: REDIRECTED_DNS,
    'meta skuid != 64464 goto refused': 'with NET_RAW: a neighbour advertisement',
    'ct mark 0x00000001 ct direction original ct state established tcp flags ! syn accept':
      'has what it wrote delivered',
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept': NEIGHBOURS,
  },
  within_pod: {
    'meta skuid 64464 meta l4proto { 6, 17 } th dport 53 goto refused':
      'asks no DNS server of the agent',
    'meta skuid 64464 accept': 'inside the pod > the sidecar does',
    'tcp dport { 15006, 15020 } reject with tcp reset': 'the agent does not reach',
    'ct mark 0x00000001 drop': 'is not answered by the agent',
    accept: CONTAINERS,
  },
  refused: {
    'meta l4proto 6 reject with tcp reset': 'asks no DNS server of the agent',
  },
  leaving: {
    'oif != "lo" ct status dnat drop': 'from a socket bound to the interface',
  },
  input: {
    // Of what comes in, not of what is answered: answers do not get out anyway.
    'policy drop': 'no port is opened by a packet',
    'iif "lo" accept': CONTAINERS,
    'ct mark 0x00000001 ct direction reply ct state established accept': `${OUT}TCP`,
    'ct mark 0x00000002 ct direction original ct state established accept': DECLARED,
    'meta l4proto { 1, 58 } ct mark { 0x00000001, 0x00000002 } ct state related accept':
      'learns of a narrower path',
    'icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept':
      NEIGHBOURS,
    'tcp dport { 8080, 8081, 15020 } ct state new ct mark set 0x00000002 accept': DECLARED,
    'udp dport 5353 ct state new ct mark set 0x00000002 accept': 'a declared UDP port is reached',
  },
  forward: {
    'policy drop': 'passes on nothing',
  },
};

function mutationsOf({ name: chain, hook, rules }: Chain): Mutation[] {
  const texts = rules.map(({ match, verdict }) => `${match} ${verdict}`.trim());
  const present = [...(hook?.endsWith('policy drop;') ? ['policy drop'] : []), ...texts];
  const noticedBy = NOTICED_BY[chain] ?? {};
  const gone = Object.keys(noticedBy).filter((rule) => !present.includes(rule));
  if (gone.length > 0) throw new Error(`not in ${chain} any more: ${gone.join('; ')}`);
  return present.map((rule) => {
    const tests = noticedBy[rule];
    if (tests === undefined) throw new Error(`nothing is known to notice: ${chain}: ${rule}`);
    const name = `P15: ${chain}: ${rule}`;
    return { name, file: TESTS, tests, changes: without(chain, rule) };
  });
}

/** Done to the values, so that it fits however they are written down. */
function without(chain: string, rule: string): Mutation['changes'] {
  const mutated = `export function createRuleset(options: RulesetOptions): Chain[] {
  return completeRuleset(options).map((chain) => {
    if (chain.name !== ${JSON.stringify(chain)}) return chain;
    if (${JSON.stringify(rule)} === 'policy drop') {
      return { ...chain, hook: chain.hook?.replace('policy drop', 'policy accept') ?? '' };
    }
    const text = ({ match, verdict }: Rule) => (match + ' ' + verdict).trim();
    return { ...chain, rules: chain.rules.filter((one) => text(one) !== ${JSON.stringify(rule)}) };
  });
}
`;
  const declaration = 'export function createRuleset(';
  return [{ file: RULESET, from: declaration, to: `${mutated}\nfunction completeRuleset(` }];
}

export function packetFilterMutations(): Mutation[] {
  const chains = createRuleset({
    sidecarUID: SIDECAR_UID,
    ports: SIDECAR_PORTS,
    // As in net-init.test.ts.
    inboundPorts: { tcp: [8080, 8081], udp: [5353] },
  });
  return chains.flatMap(mutationsOf);
}
