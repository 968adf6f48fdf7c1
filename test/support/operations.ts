/** The operations port that every process of the product has. */

import { setTimeout as sleep } from 'node:timers/promises';
import { StartError, type TiedProcess } from './tied-process.ts';

/** Some tests take the API server away meanwhile. */
const READY_MILLISECONDS = 60_000;

/** Kills the process and fails if it ends or is not ready in time. @throws StartError */
export async function untilReady(child: TiedProcess, operationsPort: number): Promise<void> {
  const end = Date.now() + READY_MILLISECONDS;
  let last = 'no answer';
  while (Date.now() < end) {
    if (!child.running) break;
    try {
      const response = await fetch(`http://127.0.0.1:${operationsPort}/readyz`);
      last = await response.text();
      if (response.ok) return;
    } catch (error) {
      last = String(error);
    }
    await sleep(50);
  }
  await child.kill();
  throw new StartError(child, last);
}

export async function getText(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return response.text();
}
