/** `make demo` and, with `--cluster`, `make demo-cluster`: the five stories, told and checked. */

import { NodeCluster } from '../test/support/node/node-cluster.ts';
import { runningNode } from '../test/support/node/running-node.ts';
import { createNarrator } from './narrator.ts';
import { setUpPods } from './pods.ts';
import { setUpProcesses } from './processes.ts';
import { type Pending, STORIES } from './stories.ts';

async function main(): Promise<number> {
  const start = performance.now();
  const narrator = createNarrator((text) => process.stdout.write(text), process.stdout.isTTY);
  narrator.title('ActionGrant: one grant lets one call through, once');
  const stage = await (process.argv.includes('--cluster')
    ? setUpPods(new NodeCluster(runningNode()), narrator.say)
    : setUpProcesses(narrator.say));
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => resolve('interrupted'));
    }
  });
  try {
    const told = (async () => {
      const pending: Pending = [];
      for (const story of STORIES) await story(stage, narrator, pending);
      narrator.title('The used tokens, tried again by hand');
      narrator.say('the API server remembers a token for 10 s from its first use; then it is dead');
      for (const tell of await Promise.all(pending)) tell();
    })();
    if ((await Promise.race([told, interrupted])) === 'interrupted') return 130;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stdout.write(
      `\n${narrator.passed} things checked, ${narrator.failed} not as told, in ${seconds} s\n`,
    );
    if (process.env['KEEP'] === '1') {
      process.stdout.write(stage.instructions());
      await interrupted;
    }
    return narrator.failed === 0 ? 0 : 1;
  } finally {
    await stage.stop();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(
      `the demo failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  },
);
