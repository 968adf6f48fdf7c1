/**
 * `make mutation`: takes out every guard of the transaction, guards of every other promise that is kept, every rule of the packet
 * filter, every validation of the chart's policies and every rule about pods, one at a time, in a copy of the repository. Fails if
 * there is one that no test misses. Usage: main.ts [text…]; only those with one of the texts in their names, such as `P3:`.
 */

import { allMutations } from './all.ts';
import { runMutations } from './run-mutations.ts';

const texts = process.argv.slice(2);
const mutations = allMutations().filter(
  ({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)),
);
const survivors = await runMutations(mutations);
for (const name of survivors) process.stdout.write(`SURVIVED: ${name}\n`);
process.stdout.write(
  `${mutations.length - survivors.length} of ${mutations.length} mutations were killed\n`,
);
process.exitCode = survivors.length === 0 && mutations.length > 0 ? 0 : 1;
