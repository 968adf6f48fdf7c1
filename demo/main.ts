/** `make demo`: the five stories on a real API server, told and checked. */

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

function explain({ plane, alice, product }: Stage): void {
  const sidecar = product.sidecars[0];
  process.stdout.write(`
It is still running; Ctrl-C ends it and leaves nothing behind. In another terminal, as alice:

  export KUBECONFIG=${alice}
  kubectl -n soc get actiongrants
  kubectl explain actiongrant.spec

As the agent of story 1 (every call goes through its sidecar):

  curl -sS --proxy ${sidecar?.proxyURL} --cacert ${sidecar?.caFile} \\
    -X POST -H 'content-type: application/json' -d '{"reason":"beaconing"}' \\
    https://edr.example.com/v1/hosts/host-9/quarantine

The answer has the manifest of the grant that is missing: put the ServiceAccount edr-quarantine and a
reason into it, "kubectl create -f -" it, and try again. The cluster: ${plane.url}
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
