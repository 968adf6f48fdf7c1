// End-to-end tests on a real node: e2e.ts [--cluster=name] [--no-product] [vitest arguments…]
// --cluster runs them in a cluster that scripts/cluster.ts keeps, instead of one of their own.
// --no-product leaves the product's image as it is: for tests that need none.
// --project=… of vitest chooses those of one kind (vitest.config.ts), which may have a cluster beside the others'. The last one
// names the folder of what a failed run leaves to look at.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { keepServerLogs } from '../test/support/node/evidence.ts';
import { whyNoNode } from '../test/support/node/requirements.ts';
import {
  EVIDENCE_VARIABLE,
  IMAGE_VARIABLE,
  NODE_VARIABLE,
} from '../test/support/node/running-node.ts';
import { startNode } from '../test/support/node/start.ts';
import { whatIsLeft } from '../test/support/node/what-is-left.ts';
import { keptCluster } from './clusters.ts';
import { type NodeImages, provideImages } from './images/images.ts';
import { runInside } from './run-inside.ts';
import { ROOT } from './tools.ts';

const EVIDENCE = join(ROOT, '.make', 'e2e');
const IMPORT = join(ROOT, 'scripts/import-images.ts');
const PROJECT_FLAG = '--project=';
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

// Most of what young servers, and every kubectl, work on is garbage collection; the machine has the memory to do with less of it.
process.env['GOGC'] ??= '400';

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  const why = whyNoNode();
  if (why) throw new Error(why);
  const name = args.find((arg) => arg.startsWith('--cluster='))?.slice('--cluster='.length);
  const product = !args.includes('--no-product');
  const images = await provideImages({ product, previous: product });
  const own = ['--cluster=', '--no-product'];
  const others = args.filter((arg) => !own.some((prefix) => arg.startsWith(prefix)));
  const project = args.findLast((arg) => arg.startsWith(PROJECT_FLAG))?.slice(PROJECT_FLAG.length);
  const evidence = join(EVIDENCE, name ?? project ?? 'all');
  const vitestArguments = project === undefined ? [`${PROJECT_FLAG}e2e*`, ...others] : others;
  rmSync(evidence, { recursive: true, force: true });
  const cluster =
    name === undefined ? await ownCluster(images, evidence) : await sharedCluster(name, images);
  try {
    const code = await runVitest(cluster.directory, vitestArguments, {
      [IMAGE_VARIABLE]: images.product ?? '',
      [EVIDENCE_VARIABLE]: evidence,
    });
    if (code !== 0) {
      keepServerLogs(cluster.directory, evidence);
      console.log(`logs of the node, and of the pods of failed tests: ${evidence}`);
    }
    process.exitCode = code;
  } finally {
    await cluster.stop();
  }
}

interface Cluster {
  readonly directory: string;
  stop(): Promise<void>;
}

async function ownCluster(images: NodeImages, evidence: string): Promise<Cluster> {
  const { directory, stop: end } = await startNode(images, join(evidence, 'start.log'));
  let ended: Promise<void> | undefined;
  // Once, however many signals come while it ends.
  const stop = () => {
    ended ??= end().then(() => {
      const left = whatIsLeft(directory);
      if (left.length > 0) throw new Error(`the cluster left behind:\n${left.join('\n')}`);
    });
    return ended;
  };
  const interrupted = () =>
    void stop()
      .catch((error: Error) => console.error(error.message))
      .finally(() => process.exit(130));
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  return { directory, stop };
}

async function sharedCluster(name: string, images: NodeImages): Promise<Cluster> {
  const cluster = keptCluster(name);
  if (!cluster) throw new Error(`no cluster ${name} runs: node scripts/cluster.ts start ${name}`);
  const { directory } = cluster;
  const code = await runInside(directory, [process.execPath, IMPORT, directory, images.layout]);
  if (code !== 0) throw new Error('the images could not be imported');
  return { directory, stop: async () => {} };
}

function runVitest(
  directory: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const command = [process.execPath, VITEST, 'run', ...args];
  return runInside(directory, command, { [NODE_VARIABLE]: directory, ...environment });
}
