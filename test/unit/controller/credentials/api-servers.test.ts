import { afterEach, beforeEach, expect, it } from 'vitest';
import { createServerCount } from '../../../../controller/credentials/api-servers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer } from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let several: () => Promise<boolean>;

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  several = createServerCount(await stub.client(), clock);
});
afterEach(() => stub[Symbol.asyncDispose]());

/** Each list is the addresses of one slice. */
const behind = (...slices: string[][]) => {
  stub.handler = (_, response) =>
    answer(response, 200, {
      metadata: { resourceVersion: '1' },
      items: slices.map((addresses, index) => ({
        metadata: { name: `kubernetes-${index}`, uid: `${index}`, resourceVersion: '1' },
        endpoints: [{ addresses }],
      })),
    });
};

it.each<[string, boolean, string[][]]>([
  ['one address', false, [['10.0.0.1']]],
  ['one address in two slices', false, [['10.0.0.1'], ['10.0.0.1']]],
  ['two addresses', true, [['10.0.0.1', '10.0.0.2']]],
  ['two slices of one address each', true, [['10.0.0.1'], ['10.0.0.2']]],
  ['nothing', true, []],
])('with %s behind the Service, that there are several is %s', async (_, expected, slices) => {
  behind(...slices);
  expect(await several()).toBe(expected);
});

it('there may be several while nobody can tell', async () => {
  stub.handler = ({ socket }) => void socket.destroy();
  expect(await several()).toBe(true);
  behind(['10.0.0.1']);
  expect(await several()).toBe(false);
});

it('the answer is believed for a minute, and asked for once', async () => {
  behind(['10.0.0.1']);
  expect(await Promise.all([several(), several()])).toEqual([false, false]);
  behind(['10.0.0.1', '10.0.0.2']);
  expect(await several()).toBe(false);
  expect(stub.requests).toHaveLength(1);
  await clock.advance(60_000);
  expect(await several()).toBe(true);
});
