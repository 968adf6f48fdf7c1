import { expect, it } from 'vitest';
import { toListing, toTransaction } from '../../../../sidecar/net-init/nft-text.ts';

const chains = [
  {
    name: 'output',
    hook: 'type filter hook output priority filter; policy drop;',
    rules: [
      { match: 'oif "lo"', verdict: 'accept', why: 'Stays inside' },
      { match: '', verdict: 'drop', why: 'Everything else' },
    ],
  },
  { name: 'refused', rules: [] },
];

const LISTING = `table inet actiongrant {
\tchain output {
\t\ttype filter hook output priority filter; policy drop;
\t\toif "lo" accept comment "Stays inside"
\t\tdrop comment "Everything else"
\t}

\tchain refused {
\t}
}
`;

it('lists chains and rules as nft does', () => {
  expect(toListing(chains)).toBe(LISTING);
});

it('replaces the table in one transaction, whether or not it was there', () => {
  expect(toTransaction(chains)).toBe(
    `add table inet actiongrant\ndelete table inet actiongrant\n${LISTING}`,
  );
});
