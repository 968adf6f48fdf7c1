/** To whichever of a host's addresses answers first (Happy Eyeballs, RFC 8305), as curl and browsers do. */

import { connect as connectTCP, type Socket } from 'node:net';
import type { Target } from './resolve.ts';

/** Opens a connection; it may fail later. */
export type Open = (address: string, port: number) => Socket;

export interface Race {
  /** The first connection. Rejects with the reason of the first failure, once every address has failed. */
  readonly winner: Promise<Socket>;
  /** Gives up everything that has not won. */
  abandon(): void;
}

/** RFC 8305 5: how long an attempt may be silent before the next address is tried beside it. */
const ATTEMPT_DELAY_MILLISECONDS = 250;

const openTCP: Open = (address, port) => connectTCP({ host: address, port, noDelay: true });

/**
 * An attempt that is silent goes on: over a slow link it may be the one that wins. (Node's own `autoSelectFamily` ends it, and so
 * reaches a slow host only under the last of its addresses.) Those that lose are closed before a byte was sent on them.
 */
export function raceTo({ addresses, port }: Target, open = openTCP): Race {
  const waiting = interleaved(addresses);
  const running = new Set<Socket>();
  let firstError: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const end = (): void => {
    over = true;
    clearTimeout(timer);
    for (const socket of running) {
      // Errors can follow, and nobody else listens.
      socket.on('error', () => {});
      socket.destroy();
    }
    running.clear();
  };
  const winner = new Promise<Socket>((resolve, reject) => {
    const next = (): void => {
      clearTimeout(timer);
      if (over) return;
      const address = waiting.shift();
      if (address === undefined) return;
      const socket = open(address, port);
      running.add(socket);
      const onError = (error: Error): void => {
        firstError ??= error;
        running.delete(socket);
        socket.destroy();
        if (over) return;
        if (waiting.length > 0) next();
        else if (running.size === 0) {
          end();
          reject(firstError);
        }
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        if (over) return;
        socket.off('error', onError);
        running.delete(socket);
        end();
        resolve(socket);
      });
      if (waiting.length > 0) timer = setTimeout(next, ATTEMPT_DELAY_MILLISECONDS);
    };
    next();
  });
  return { winner, abandon: end };
}

/** RFC 8305 4: the families in turn, beginning with that of the first address, each in the resolver's order. */
function interleaved(addresses: Target['addresses']): string[] {
  const first = addresses[0]?.family;
  const some = addresses.filter(({ family }) => family === first);
  const others = addresses.filter(({ family }) => family !== first);
  const length = Math.max(some.length, others.length);
  return Array.from({ length }, (_, i) => [some[i], others[i]])
    .flat()
    .flatMap((entry) => (entry === undefined ? [] : [entry.address]));
}
