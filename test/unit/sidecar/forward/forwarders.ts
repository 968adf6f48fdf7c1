/** Upstreams and forwarders that last for one test. */

import { afterEach, expect } from 'vitest';
import type { Forwarder } from '../../../../sidecar/forward/forward.ts';
import {
  credentialed,
  forwarderTo,
  type Handler,
  options,
  type Protocol,
  rejection,
  startRawUpstream,
  startUpstream,
  type Upstream,
} from './upstreams.ts';

/** To be asked for once by a test file: what starts upstreams and forwarders that are closed after each test. */
export function startsUpstreams() {
  const open: Array<{ close(): Promise<void> }> = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((it) => it.close()));
  });

  function closing<T extends { close(): Promise<void> }>(it: T): T {
    open.push(it);
    return it;
  }

  async function start(
    protocol: Protocol,
    handler: Handler,
    names?: string[],
  ): Promise<{ upstream: Upstream; forwarder: Forwarder }> {
    const upstream = closing(await startUpstream(protocol, handler, names));
    return { upstream, forwarder: closing(await forwarderTo(upstream.port)) };
  }

  async function startRaw(onData: (data: string) => string) {
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.on('data', (data) => socket.write(onData(data.toString('latin1'))));
      }),
    );
    return { upstream, forwarder: closing(await forwarderTo(upstream.port)) };
  }

  return { closing, start, startRaw };
}

/** Fails unless the request fails with this code, and certainly not a byte of it was written. */
export async function failsUndispatched(
  forwarder: Forwarder,
  code: string,
  how: Partial<Parameters<Forwarder['forward']>[1]> = {},
  request = credentialed(),
) {
  let dispatched = 0;
  const error = await rejection(
    forwarder.forward(
      request,
      options({
        onDispatched: () => {
          dispatched += 1;
        },
        ...how,
      }),
    ),
  );
  expect(error).toMatchObject({ code, dispatched: false });
  expect(dispatched).toBe(0);
}
