/** `make demo`: the five stories on a real API server, told and checked. */

import { dirname, join } from 'node:path';
import { toolPath } from '../scripts/tools.ts';
import { createNarrator } from './narrator.ts';
import { type Stage, setUp } from './setup.ts';
import { type Pending, STORIES } from './stories.ts';

async function main(): Promise<number> {
  const start = performance.now();
  const narrator = createNarrator((text) => process.stdout.write(text), process.stdout.isTTY);
  narrator.title('ActionGrant: one grant lets one call through, once');
  const stage = await setUp(narrator.say);
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
      explain(stage);
      await interrupted;
    }
    return narrator.failed === 0 ? 0 : 1;
  } finally {
    await stage.stop();
  }
}

function explain({ alice, product }: Stage): void {
  const sidecar = product.sidecars[0];
  process.stdout.write(`
It is still running; Ctrl-C ends it and leaves nothing behind. In another terminal, in this folder:

  export PATH=${dirname(toolPath('kubectl'))}:$PATH
  export KUBECONFIG=${alice}   # you are alice
  export PROXY=${sidecar?.proxyURL} CA=${sidecar?.caFile}   # of story 1's agent
  export AGENT_KUBECONFIG=${join(product.directory, 'agent.kubeconfig')}   # of story 4's agent

As alice:

  kubectl -n soc get actiongrants
  kubectl explain actiongrant.spec

As the agent of story 1 (every call goes through its sidecar):

  curl -sS --proxy $PROXY --cacert $CA \\
    -X POST -H 'content-type: application/json' -d '{"reason":"beaconing"}' \\
    https://edr.example.com/v1/hosts/host-9/quarantine

The answer has the manifest of the grant that is missing. docs/tutorial.md goes on from here.
`);
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
