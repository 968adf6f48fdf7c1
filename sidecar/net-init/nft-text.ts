/** A ruleset in the language of nft(8). */

import type { Chain, Rule } from './ruleset.ts';

const TABLE = 'table inet actiongrant';

/** The table as `nft list` prints it once it is in force. */
export function toListing(chains: readonly Chain[]): string {
  return `${TABLE} {\n${chains.map(chainText).join('\n')}}\n`;
}

/** What replaces the table, whether it was there or not, in one transaction: between old and new rules there is no gap. */
export function toTransaction(chains: readonly Chain[]): string {
  return `add ${TABLE}\ndelete ${TABLE}\n${toListing(chains)}`;
}

function chainText({ name, hook, rules }: Chain): string {
  const lines = [...(hook === undefined ? [] : [hook]), ...rules.map(ruleText)];
  return `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function ruleText({ match, verdict, why }: Rule): string {
  return `${match === '' ? '' : `${match} `}${verdict} comment "${why}"`;
}
