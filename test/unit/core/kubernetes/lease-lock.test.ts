import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLeaseLock } from '../../../../core/kubernetes/lease-lock.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import type { Lease, LeaseSpec } from '../../../../core/kubernetes/resources.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let lease: Live<Lease> | undefined;
/** Called before a write: what another candidate does first. */
let before: () => void;

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  lease = undefined;
  before = () => {};
  stub.handler = ({ method, body }, response) => {
    if (method !== 'GET') before();
    if (method === 'POST' && lease !== undefined) {
      return answer(response, 409, status(409, 'AlreadyExists'));
    }
    if (method !== 'POST' && lease === undefined) {
      return answer(response, 404, status(404, 'NotFound'));
    }
    if (method === 'GET') return answer(response, 200, lease);
    const sent = JSON.parse(body) as Live<Lease>;
    if (sent.metadata.resourceVersion !== lease?.metadata.resourceVersion) {
      return answer(response, 409, status(409, 'Conflict'));
    }
    answer(response, 200, store(sent.spec ?? {}));
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

function store(spec: LeaseSpec): Live<Lease> {
  const version = Number(lease?.metadata.resourceVersion ?? 0) + 1;
  const metadata = { namespace: 'system', name: 'leader', uid: 'u' };
  lease = { metadata: { ...metadata, resourceVersion: `${version}` }, spec };
  return lease;
}

const aLock = async (identity = 'me') => {
  const holders: string[] = [];
  const lock = createLeaseLock({
    client: await stub.client(),
    clock,
    namespace: 'system',
    name: 'leader',
    identity,
    leaseDurationMilliseconds: 15_000,
    callTimeoutMilliseconds: 1_000,
    onHolder: (holder) => holders.push(holder),
  });
  return { lock, holders };
};
const heldBy = (holderIdentity: string): LeaseSpec => ({
  holderIdentity,
  leaseDurationSeconds: 15,
  acquireTime: '2026-01-01T00:00:00.000000Z',
  renewTime: '2026-01-01T00:00:00.000000Z',
  leaseTransitions: 4,
});

describe('acquiring', () => {
  test('makes a Lease that is not there', async () => {
    const { lock, holders } = await aLock();
    expect(await lock.acquireOrRenew()).toBe(true);
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    expect(lease?.spec).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    });
    expect(holders).toEqual(['me']);
  });

  test('renews what is held, and counts no change of hands', async () => {
    const { lock, holders } = await aLock();
    await lock.acquireOrRenew();
    const acquired = lease?.spec?.acquireTime;
    await clock.advance(2_000);
    expect(await lock.acquireOrRenew()).toBe(true);
    expect(lease?.spec).toMatchObject({ acquireTime: acquired, leaseTransitions: 0 });
    expect(lease?.spec?.renewTime).not.toBe(acquired);
    expect(holders).toEqual(['me']);
  });

  test.for<[what: string, spec: LeaseSpec]>([
    ['that nobody holds', { ...heldBy(''), leaseDurationSeconds: 1 }],
    ['that was held under this identity', heldBy('me')],
  ])('takes a Lease %s at once', async ([_, spec]) => {
    store(spec);
    expect(await (await aLock()).lock.acquireOrRenew()).toBe(true);
  });

  test('waits out another holder by its own clock, then counts the change of hands', async () => {
    store(heldBy('other'));
    const { lock, holders } = await aLock();
    expect(await lock.acquireOrRenew()).toBe(false);
    await clock.advance(14_999);
    expect(await lock.acquireOrRenew()).toBe(false);
    await clock.advance(1);
    expect(await lock.acquireOrRenew()).toBe(true);
    expect(lease?.spec?.leaseTransitions).toBe(5);
    expect(holders).toEqual(['other', 'me']);
  });

  test('waits anew after each renewal of the other holder', async () => {
    store(heldBy('other'));
    const { lock } = await aLock();
    await lock.acquireOrRenew();
    await clock.advance(14_000);
    store({ ...heldBy('other'), renewTime: '2026-01-01T00:00:14.000000Z' });
    await lock.acquireOrRenew();
    await clock.advance(14_000);
    expect(await lock.acquireOrRenew()).toBe(false);
  });

  test('loses to a candidate that was faster', async () => {
    store(heldBy(''));
    const { lock, holders } = await aLock();
    before = () => store(heldBy('faster'));
    expect(await lock.acquireOrRenew()).toBe(false);
    expect(holders).toEqual(['faster']);
  });

  test('loses a Lease that another candidate took', async () => {
    const { lock } = await aLock();
    await lock.acquireOrRenew();
    store(heldBy('other'));
    expect(await lock.acquireOrRenew()).toBe(false);
    expect(lock.holder()).toBe('other');
  });

  test('makes a Lease anew that was deleted', async () => {
    const { lock } = await aLock();
    await lock.acquireOrRenew();
    lease = undefined;
    expect(await lock.acquireOrRenew()).toBe(true);
  });

  test('that fails otherwise is an error: whose the Lease is is not known', async () => {
    stub.handler = (_request, response) => answer(response, 500, status(500, 'InternalError'));
    await expect((await aLock()).lock.acquireOrRenew()).rejects.toMatchObject({
      kind: 'Unavailable',
    });
  });
});

describe('releasing', () => {
  test('leaves the Lease without a holder, so that the next candidate need not wait', async () => {
    const { lock } = await aLock();
    await lock.acquireOrRenew();
    await lock.release();
    expect(lease?.spec).toMatchObject({ leaseDurationSeconds: 1, leaseTransitions: 0 });
    expect(lease?.spec?.holderIdentity).toBeUndefined();
    expect(await (await aLock('next')).lock.acquireOrRenew()).toBe(true);
  });

  test('leaves a Lease alone that another candidate holds', async () => {
    const spec = heldBy('other');
    store(spec);
    await (await aLock()).lock.release();
    expect(lease?.spec).toBe(spec);
  });

  test('does nothing where there is no Lease', async () => {
    await (await aLock()).lock.release();
    expect(stub.requests.map(({ method }) => method)).toEqual(['GET']);
  });
});
