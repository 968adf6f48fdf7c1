/** Every rule that the webhook and the exchange hold an agent's pod to (P16), taken out of its table. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { Mutation } from './run-mutations.ts';

/** Each with what is in the titles of its tests. */
const TABLES = {
  'pod-rules': ['a pod breaks a rule', 'an annotation'],
  'container-rules': ['a container breaks a rule'],
  'profile-rules': ['a profile that is wider'],
} as const;

/** A member of a table at the top of a file. */
const RULE = /^ {2}\{\n {4}id: '(?<id>[\w-]+)',\n(?: {4}.*\n)* {2}\},\n/gm;

export function ruleTableMutations(): Mutation[] {
  return Object.entries(TABLES).flatMap(([name, titles]) => {
    const file = `controller/injection/${name}.ts`;
    const text = readFileSync(join(ROOT, file), 'utf8');
    const rules = [...text.matchAll(RULE)];
    return rules.map(({ 0: rule, index, groups }, number) => ({
      name: `P16: ${name}: ${number + 1}, ${groups?.['id']}`,
      file: `test/unit/controller/injection/${name}.test.ts`,
      tests: (rule.includes('annotations') ? titles.at(-1) : titles[0]) ?? name,
      changes: [{ file, from: text, to: text.slice(0, index) + text.slice(index + rule.length) }],
    }));
  });
}
