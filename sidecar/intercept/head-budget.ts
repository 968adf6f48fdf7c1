/**
 * Bounds the memory of request heads, on all connections together: from the moment a head was read, through the queue of its
 * connection, to the end of its call. A client can multiply what one head may take by the connections,
 * the streams and the queues that it may have, and Node has read a head before anybody can refuse it.
 */
export class HeadBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Whether there was room. What was taken is to be given back, once. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** What a string takes beside its characters; RFC 7541 4.1 counts as much for a name and its value. */
const STRING_BYTES = 32;

/** About what a head takes in memory: lines of a single letter take more than their length. */
export function headSize(rawHeaders: readonly string[], target = ''): number {
  let size = target.length;
  for (const text of rawHeaders) size += text.length + STRING_BYTES;
  return size;
}
