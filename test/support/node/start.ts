import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeImages } from '../../../scripts/images/images.ts';
import { ROOT } from '../../../scripts/tools.ts';
import { type Enclosure, startEnclosure, untilReady } from './enclosure.ts';

const INSIDE = join(ROOT, 'test/support/node/inside.ts');
const READY_MILLISECONDS = 120_000;

/**
 * Starts a cluster with one real node, and resolves once it is ready. It ends with this process.
 *
 * @param logFile what the start writes
 * @throws Error with the end of the log
 */
export async function startNode(images: NodeImages, logFile: string): Promise<Enclosure> {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  const enclosure = await startEnclosure(
    (directory) => [process.execPath, INSIDE, directory, images.layout],
    log,
  );
  closeSync(log);
  try {
    await untilReady(enclosure, READY_MILLISECONDS);
    return enclosure;
  } catch (cause) {
    await enclosure.stop();
    const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
    throw new Error(`the node did not start (${logFile}):\n${tail}`, { cause });
  }
}
