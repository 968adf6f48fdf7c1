/**
 * `make mutation`: takes out every guard of the transaction and every rule of the packet filter, one at a time, in a copy of the
 * repository, and fails if there is one that no test misses. Usage: main.ts [text…]; only those with one of the texts in their
 * names.
 */

import { guardMutations } from './guards.ts';
import { packetFilterMutations } from './packet-filter.ts';
import { runMutations } from './run-mutations.ts';

const texts = process.argv.slice(2);
const mutations = [...guardMutations(), ...packetFilterMutations()].filter(
  ({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)),
);
const survivors = await runMutations(mutations);
for (const name of survivors) process.stdout.write(`SURVIVED: ${name}\n`);
process.stdout.write(
  `${mutations.length - survivors.length} of ${mutations.length} mutations were killed\n`,
);
process.exitCode = survivors.length === 0 && mutations.length > 0 ? 0 : 1;
