/**
 * Names as the world outside the pod has them, for the sidecar's own connections.
 *
 * The packet filter leads the agent's DNS to us, and the kernel remembers that for each source port for half a minute. A question
 * of our own from such a port comes back to us too, and is answered with a synthetic address. Asked again, it has another port.
 */

import { promises as dns, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Semaphore } from '../../process/semaphore.ts';
import { isSyntheticAddress } from './synthetic-addresses.ts';

/** Every address of a name. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>;

export const systemLookup: Lookup = (name) => dns.lookup(name, { all: true });

/** The look-up, for so many names at a time. */
export function atOnce(permits: number, lookup: Lookup): Lookup {
  const semaphore = new Semaphore(permits);
  return async (name) => {
    const release = await semaphore.acquire();
    try {
      return await lookup(name);
    } finally {
      release();
    }
  };
}

/** An agent may fill many ports on purpose; then its own calls fail, and nobody else's. */
const ATTEMPTS = 8;

/** @throws as the lookup does; Error if only our own DNS answers */
export async function lookUpOutside(
  name: string,
  lookup: Lookup = systemLookup,
): Promise<readonly LookupAddress[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const addresses = await lookup(name);
    if (!addresses.some(({ address }) => isSyntheticAddress(address))) return addresses;
  }
  throw new Error(`every question for ${name} came back to this sidecar`);
}

/** The same for sockets (`net.connect`). */
export const socketLookup: LookupFunction = (name, options, callback) => {
  lookUpOutside(name).then(
    (addresses) => {
      const [first] = addresses;
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, first?.address ?? '', first?.family);
    },
    (error: NodeJS.ErrnoException) => callback(error, options.all === true ? [] : ''),
  );
};
