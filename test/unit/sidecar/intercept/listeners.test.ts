import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startListeners } from '../../../../sidecar/intercept/listeners.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

it('every listener gets the connections to its own address', async () => {
  const accepted: string[] = [];
  const listeners = await startListeners(
    ['a', 'b'].map((name) => ({
      address: LOOPBACK,
      accept(raw) {
        accepted.push(name);
        raw.end();
      },
    })),
  );
  for (const { host, port } of listeners.addresses.toReversed()) {
    await once(connect(port, host).resume(), 'close');
  }
  expect(accepted).toEqual(['b', 'a']);
  await listeners.close();
});

it('closing waits for connections that were taken, and takes no more', async () => {
  const { addresses, close } = await startListeners([
    { address: LOOPBACK, accept: (raw) => void raw.on('error', () => {}) },
  ]);
  const [{ port } = LOOPBACK] = addresses;
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  // The server's side of it may not be there yet.
  await new Promise((resolve) => setTimeout(resolve, 20));
  let closed = false;
  const done = close().then(() => {
    closed = true;
  });
  await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
  expect(closed).toBe(false);
  client.resetAndDestroy();
  await done;
});

it('where one address is taken, none is listened on', async () => {
  const taken = await startListeners([{ address: LOOPBACK, accept() {} }]);
  const free = await startListeners([{ address: LOOPBACK, accept() {} }]);
  const [first = LOOPBACK] = free.addresses;
  const [second = LOOPBACK] = taken.addresses;
  await free.close();
  const both = [first, second].map((address) => ({ address, accept() {} }));
  await expect(startListeners(both)).rejects.toThrow('EADDRINUSE');
  await expect(once(connect(first.port, first.host), 'connect')).rejects.toThrow('ECONNREFUSED');
  await taken.close();
});
