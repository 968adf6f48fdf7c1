// A cluster with a real node that stays, to run one test file again and again, or to look around.
//   cluster.ts start [name]            starts it in the background (default name: dev)
//   cluster.ts run [name] -- command…  runs a command inside, with KUBECONFIG and the tools on PATH
//   cluster.ts stop [name]             ends it, and everything in it
//   cluster.ts hold [name]             starts it in the foreground, until Ctrl-C
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNoNode } from '../test/support/node/requirements.ts';
import { startNode } from '../test/support/node/start.ts';
import { clusterFiles, forgetCluster, keptCluster, recordCluster } from './clusters.ts';
import { provideImages } from './images/images.ts';
import { runInside } from './run-inside.ts';

const STOP_MILLISECONDS = 30_000;

const [verb = '', ...rest] = process.argv.slice(2);
const dashes = rest.indexOf('--');
const name = (dashes < 0 ? rest[0] : rest.slice(0, dashes)[0]) ?? 'dev';
const command = dashes < 0 ? [] : rest.slice(dashes + 1);
const verbs: Readonly<Record<string, () => Promise<void>>> = { start, run, stop, hold };

await (verbs[verb] ?? usage)().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function usage(): Promise<void> {
  throw new Error('usage: cluster.ts start|run|stop|hold [name] [-- command…]');
}

async function start(): Promise<void> {
  if (keptCluster(name)) {
    console.log(`the cluster ${name} runs already`);
    return;
  }
  const { log } = clusterFiles(name);
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(`${log}.start`, 'w');
  const holder = spawn(process.execPath, [import.meta.filename, 'hold', name], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = once(holder, 'exit').then(() => true);
  while (keptCluster(name)?.pid !== holder.pid) {
    if (await Promise.race([ended, sleep(200, false)])) {
      throw new Error(readFileSync(`${log}.start`, 'utf8'));
    }
  }
  holder.unref();
  console.log(
    `the cluster ${name} runs: node scripts/cluster.ts run ${name} -- kubectl get pods -A`,
  );
}

async function hold(): Promise<void> {
  const why = whyNoNode();
  if (why) throw new Error(why);
  const images = await provideImages({ product: false });
  const enclosure = await startNode(images, clusterFiles(name).log);
  recordCluster(name, { pid: process.pid, directory: enclosure.directory });
  const stopHolding = async () => {
    await enclosure.stop();
    forgetCluster(name);
    process.exit();
  };
  process.once('SIGINT', stopHolding).once('SIGTERM', stopHolding);
  console.log('ready');
  while (enclosure.running) await sleep(1_000);
  forgetCluster(name);
}

async function run(): Promise<void> {
  const cluster = keptCluster(name);
  if (!cluster) throw new Error(`no cluster ${name} runs`);
  process.exitCode = await runInside(cluster.directory, command);
}

async function stop(): Promise<void> {
  const cluster = keptCluster(name);
  if (!cluster) return;
  process.kill(cluster.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_MILLISECONDS;
  while (existsSync(`/proc/${cluster.pid}`)) {
    if (performance.now() > deadline) throw new Error(`the cluster ${name} did not end`);
    await sleep(100);
  }
}
