import { describe, expect, it } from 'vitest';
import { SIDECAR_PORTS, SIDECAR_UID } from '../../../../core/api/pod-layout.ts';
import type { InboundPorts } from '../../../../sidecar/net-init/inbound-ports.ts';
import { toListing, toTransaction } from '../../../../sidecar/net-init/nft-text.ts';
import { createRuleset } from '../../../../sidecar/net-init/ruleset.ts';

const rulesetFor = (inboundPorts: InboundPorts) =>
  createRuleset({ sidecarUID: SIDECAR_UID, ports: SIDECAR_PORTS, inboundPorts });

describe('the packet filter', () => {
  const chains = rulesetFor({ tcp: [8080], udp: [5353, 5354] });

  it('is these rules', async () => {
    await expect(toTransaction(chains)).toMatchFileSnapshot('ruleset.nft');
  });

  it('refuses by policy in every chain that judges what leaves, enters or passes', () => {
    const policies = Object.fromEntries(
      chains.flatMap(({ name, hook }) => (hook === undefined ? [] : [[name, hook]])),
    );
    for (const name of ['output', 'input', 'forward']) {
      expect(policies[name]).toMatch(/^type filter hook .*; policy drop;$/);
    }
  });

  it('says why each rule is there, within what nft keeps', () => {
    for (const { rules } of chains) {
      for (const { why } of rules) {
        expect(why).toMatch(/^[^"\n]+$/);
        // NFTNL_UDATA_COMMENT_MAXLEN, with the closing NUL.
        expect(Buffer.byteLength(why)).toBeLessThan(128);
      }
    }
  });

  it('judges DNS within the pod before it lets the sidecar do anything there', () => {
    const [first] = chains.find(({ name }) => name === 'within_pod')?.rules ?? [];
    expect(first).toMatchObject({
      match: `meta skuid ${SIDECAR_UID} meta l4proto { 6, 17 } th dport 53`,
      verdict: 'goto refused',
    });
  });

  it('opens no UDP port where none is declared, and of TCP only ours', () => {
    const listing = toListing(rulesetFor({ tcp: [], udp: [] }));
    const opened = listing.split('\n').filter((line) => line.includes('ct mark set 0x00000002'));
    expect(opened).toHaveLength(1);
    expect(opened[0]).toContain('tcp dport 15020 ct state new');
  });

  it('lists ports as nft does: ascending, each once', () => {
    expect(toListing(rulesetFor({ tcp: [15_020, 80], udp: [] }))).toContain(
      'tcp dport { 80, 15020 } ct state new',
    );
  });
});
