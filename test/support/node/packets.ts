/** What leaves a pod, as the node sees it arrive. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where packets of a pod were going. */
export interface Flow {
  /** Protocol number (IANA). */
  readonly protocol: number;
  readonly address: string;
  /** 0 for protocols without ports. */
  readonly port: number;
}

export interface PacketWatch {
  /** Every destination that packets of this pod were sent to since the watch began, whatever became of them. */
  flows(podIP: string): Promise<Flow[]>;
  close(): Promise<void>;
}

/** TCP, UDP, DCCP, SCTP, UDP-Lite: the destination's port is in the same place. */
const WITH_PORTS = '{ 6, 17, 33, 132, 136 }';
/** What IPv6 itself sends (RFC 4861, RFC 3810), whatever the pod does. */
const NEIGHBOUR_DISCOVERY = 'icmpv6 type { 133, 134, 135, 136, 143 }';
const FAMILIES = ['ip', 'ip6'] as const;

/**
 * Notes where packets from pods go: by the interface they come from, so that a forged source address hides nothing. Replies to
 * who connected to the pod are left out.
 */
export async function watchPackets(): Promise<PacketWatch> {
  const table = `seen_${randomBytes(4).toString('hex')}`;
  const sets = FAMILIES.flatMap((family) => [
    `set ${family}_ports { typeof iifname . ${family} daddr . meta l4proto . th dport; size 65536; flags dynamic; }`,
    `set ${family}_others { typeof iifname . ${family} daddr . meta l4proto; size 65536; flags dynamic; }`,
  ]);
  const rules = FAMILIES.flatMap((family) => [
    `meta l4proto ${WITH_PORTS} add @${family}_ports { iifname . ${family} daddr . meta l4proto . th dport }`,
    `meta l4proto != ${WITH_PORTS} add @${family}_others { iifname . ${family} daddr . meta l4proto }`,
  ]);
  // After conntrack (-200), which says what is a reply; before the node rewrites destinations (-100).
  await nft(`table inet ${table} {
    ${sets.join('\n')}
    chain seen {
      ${rules.join('\n')}
    }
    chain arriving {
      type filter hook prerouting priority -150
      iifname "lo" accept
      ${NEIGHBOUR_DISCOVERY} accept
      ct state invalid jump seen
      ct direction original jump seen
    }
  }`);

  return {
    async flows(podIP) {
      const device = await deviceOf(podIP);
      const { stdout } = await run('nft', ['--json', '--numeric', 'list', 'table', 'inet', table]);
      return elementsIn(JSON.parse(stdout))
        .filter(([from]) => from === device)
        .map(([, address, protocol, port]) => ({
          protocol: Number(protocol),
          address: String(address),
          port: Number(port ?? 0),
        }));
    },
    async close() {
      await run('nft', ['delete', 'table', 'inet', table]);
    },
  };
}

/** The node's end of the pod's link. */
async function deviceOf(podIP: string): Promise<string> {
  const { stdout } = await run('ip', ['-json', 'route', 'get', podIP]);
  const [route] = JSON.parse(stdout) as { dev: string }[];
  if (route === undefined) throw new Error(`no way leads to ${podIP}`);
  return route.dev;
}

type Key = (string | number)[];

interface Listing {
  readonly nftables: readonly {
    readonly set?: { readonly elem?: readonly (Element | { readonly elem: { val: Element } })[] };
  }[];
}

interface Element {
  readonly concat: Key;
}

function elementsIn({ nftables }: Listing): Key[] {
  return nftables
    .flatMap(({ set }) => set?.elem ?? [])
    .map((element) => ('elem' in element ? element.elem.val : element).concat);
}

async function nft(rules: string): Promise<void> {
  const child = run('nft', ['-f', '-']);
  child.child.stdin?.end(rules);
  await child;
}
