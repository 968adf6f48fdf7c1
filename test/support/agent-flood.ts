/** A client that opens many connections to port 80 of its argument and says nothing on them. Prints how many were closed at once. */

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** More than the sidecar takes. */
export const FLOOD_CONNECTIONS = 600;
/** Less than the sidecar waits for a first byte. */
const HOLD_MILLISECONDS = 3_000;

if (import.meta.main) {
  let closed = 0;
  for (let i = 0; i < FLOOD_CONNECTIONS; i += 1) {
    const socket = connect(80, process.argv[2]);
    socket.on('error', () => {});
    socket.once('close', () => {
      closed += 1;
    });
    socket.resume();
  }
  await sleep(HOLD_MILLISECONDS);
  process.stdout.write(JSON.stringify({ closed }));
  process.exit(0);
}
