// A program on a real node of its own: on-node.ts [--name=demo] [--rivals] program.ts [arguments…]
// The cluster goes away with it; a name lets scripts/cluster.ts look inside meanwhile.
import { whyNoNode } from '../test/support/node/requirements.ts';
import { IMAGE_VARIABLE, NODE_VARIABLE } from '../test/support/node/running-node.ts';
import { startNode } from '../test/support/node/start.ts';
import { clusterFiles, forgetCluster, recordCluster } from './clusters.ts';
import { provideImages } from './images/images.ts';
import { runInside } from './run-inside.ts';

const NAME_FLAG = '--name=';
/** Brings the proxies that benchmarks compare with. */
const RIVALS_FLAG = '--rivals';

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  const why = whyNoNode();
  if (why) throw new Error(why);
  const name = args.find((arg) => arg.startsWith(NAME_FLAG))?.slice(NAME_FLAG.length) ?? 'on-node';
  const program = args.filter((arg) => !arg.startsWith(NAME_FLAG) && arg !== RIVALS_FLAG);
  const images = await provideImages({ rivals: args.includes(RIVALS_FLAG) });
  const enclosure = await startNode(images, clusterFiles(name).log);
  try {
    recordCluster(name, { pid: process.pid, directory: enclosure.directory });
    // A terminal's Ctrl-C reaches the program too: it ends by itself, and then the cluster.
    process.on('SIGINT', () => {});
    // This reaches only us: the program ends with its cluster.
    process.once('SIGTERM', () => enclosure.stop());
    process.exitCode = await runInside(enclosure.directory, [process.execPath, ...program], {
      [NODE_VARIABLE]: enclosure.directory,
      [IMAGE_VARIABLE]: images.product ?? '',
    });
  } finally {
    forgetCluster(name);
    await enclosure.stop();
  }
}
