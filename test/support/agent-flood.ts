/**
 * A client that opens many connections to port 80 of its first argument and says nothing on them. Once as many as its second
 * argument says were closed, and no more are, it prints how many were.
 */

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** More than the sidecar takes. */
export const FLOOD_CONNECTIONS = 600;
/** Less than what a program in a pod's network has. */
const PATIENCE_MILLISECONDS = 15_000;
/** Without the limit, all would be closed together when the sidecar has waited for a first byte. */
const STILL_MILLISECONDS = 500;

if (import.meta.main) {
  const [, , address, expected] = process.argv;
  let closed = 0;
  let lastClosed = performance.now();
  for (let i = 0; i < FLOOD_CONNECTIONS; i += 1) {
    const socket = connect(80, address);
    socket.on('error', () => {});
    socket.once('close', () => {
      closed += 1;
      lastClosed = performance.now();
    });
    socket.resume();
  }
  const giveUpAt = performance.now() + PATIENCE_MILLISECONDS;
  const isStill = () => performance.now() - lastClosed > STILL_MILLISECONDS;
  while ((closed < Number(expected) || !isStill()) && performance.now() < giveUpAt) await sleep(20);
  process.stdout.write(JSON.stringify({ closed }));
  process.exit(0);
}
