import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createLeaseElection,
  type LeaseElection,
  type LeaseElectionOptions,
} from '../../../../core/kubernetes/lease.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import type { Lease } from '../../../../core/kubernetes/resources.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  answer,
  StubApiServer,
  type StubHandler,
  status,
} from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let lease: Live<Lease> | undefined;
let elections: LeaseElection[];
/** `name: what happened`, of all candidates. */
let history: string[];

/** One Lease with the API server's compare-and-swap. */
const serve: StubHandler = (request, response) => {
  if (request.method === 'GET') {
    if (lease) answer(response, 200, lease);
    else answer(response, 404, status(404, 'NotFound'));
    return;
  }
  const sent = JSON.parse(request.body) as Live<Lease>;
  if (request.method === 'POST' && lease) {
    answer(response, 409, status(409, 'AlreadyExists'));
  } else if (lease && sent.metadata.resourceVersion !== lease.metadata.resourceVersion) {
    answer(response, 409, status(409, 'Conflict'));
  } else {
    const resourceVersion = String(Number(lease?.metadata.resourceVersion ?? 0) + 1);
    lease = { ...sent, metadata: { ...sent.metadata, uid: 'u1', resourceVersion } };
    answer(response, 200, lease);
  }
};

beforeEach(async () => {
  stub = await StubApiServer.start();
  stub.handler = serve;
  clock = new FakeClock();
  lease = undefined;
  elections = [];
  history = [];
});

afterEach(async () => {
  stub.handler = serve;
  await Promise.all(elections.map((election) => election.stop()));
  await stub[Symbol.asyncDispose]();
});

async function candidate(identity: string, options: Partial<LeaseElectionOptions> = {}) {
  const election = createLeaseElection({
    client: await stub.client({ clock }),
    clock,
    namespace: 'actiongrant-system',
    name: 'actiongrant-controller',
    identity,
    random: () => 0,
    onStartedLeading: () => void history.push(`${identity}: started`),
    onStoppedLeading: () => void history.push(`${identity}: stopped`),
    report: (report) => {
      if (report.type === 'StoppedLeading') history.push(`${identity}: ${report.reason}`);
    },
    ...options,
  });
  elections.push(election);
  election.start();
  return election;
}

/** Lets calls that are under way finish, without letting time pass. */
async function quiet(): Promise<void> {
  let seen = -1;
  while (seen !== stub.requests.length) {
    seen = stub.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 500) {
    await clock.advance(Math.min(500, left));
    await quiet();
  }
}

const started = (identity: string) =>
  eventually(() => expect(history).toContain(`${identity}: started`));

describe('a candidate', () => {
  it('makes the Lease, leads and renews', async () => {
    const one = await candidate('one');
    await started('one');
    expect(one.isLeader()).toBe(true);
    const acquired = lease?.spec;
    expect(acquired).toMatchObject({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
    expect(acquired?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await pass(2_000);
    expect(lease?.spec).toMatchObject({ acquireTime: acquired?.acquireTime, leaseTransitions: 0 });
    expect(lease?.spec?.renewTime).not.toBe(acquired?.renewTime);
  });

  it('waits out a dead holder by its own clock, whatever the Lease says', async () => {
    lease = {
      metadata: {
        namespace: 'actiongrant-system',
        name: 'actiongrant-controller',
        uid: 'u1',
        resourceVersion: '1',
      },
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 15,
        renewTime: '1999-01-01T00:00:00.000000Z',
        leaseTransitions: 4,
      },
    };
    const one = await candidate('one');
    await quiet();
    await pass(13_500);
    expect(one.isLeader()).toBe(false);
    expect(one.leader()).toBe('dead');
    await eventually(async () => {
      await clock.advance(500);
      expect(one.isLeader()).toBe(true);
    });
    expect(lease?.spec).toMatchObject({ holderIdentity: 'one', leaseTransitions: 5 });
  });

  it('does not lead while another one renews', async () => {
    await candidate('one');
    await started('one');
    const two = await candidate('two');
    await pass(40_000);
    expect(two.isLeader()).toBe(false);
    expect(history).toEqual(['one: started']);
  });

  it('leads as soon as the leader stops, and the leader stops its work first', async () => {
    const work = Promise.withResolvers<void>();
    const one = await candidate('one', {
      async onStartedLeading(signal) {
        history.push('one: started');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await work.promise;
        history.push('one: work ended');
      },
    });
    await started('one');
    await candidate('two');
    await quiet();
    const stopping = one.stop();
    await pass(2_500);
    expect(history).toEqual(['one: started', 'one: Stopped', 'one: stopped']);
    work.resolve();
    await stopping;
    expect(lease?.spec?.holderIdentity).toBeUndefined();
    await pass(2_500);
    expect(history).toEqual([
      'one: started',
      'one: Stopped',
      'one: stopped',
      'one: work ended',
      'two: started',
    ]);
  });

  it('stops leading before others may start, when it cannot renew', async () => {
    const one = await candidate('one');
    await started('one');
    stub.handler = (request) => request.socket.destroy();
    await pass(9_500);
    expect(one.isLeader()).toBe(true);
    await pass(500);
    expect(one.isLeader()).toBe(false);
    expect(history).toEqual(['one: started', 'one: RenewDeadline', 'one: stopped']);
    stub.handler = serve;
    await pass(2_500);
    expect(one.isLeader()).toBe(true);
  });

  it('stops leading at the deadline even while a renewal hangs', async () => {
    const one = await candidate('one');
    await started('one');
    stub.handler = () => {};
    await clock.advance(9_999);
    expect(one.isLeader()).toBe(true);
    await clock.advance(1);
    expect(one.isLeader()).toBe(false);
    // Let the last call time out: what it may have written is known before the Lease is released.
    await clock.advance(5_000);
  });

  it('stops leading when the Lease has another holder', async () => {
    const one = await candidate('one');
    await started('one');
    if (lease) {
      lease = {
        metadata: { ...lease.metadata, resourceVersion: '77' },
        spec: { ...lease.spec, holderIdentity: 'usurper' },
      };
    }
    await pass(2_500);
    expect(one.isLeader()).toBe(false);
    expect(history).toContain('one: TakenOver');
  });

  it('takes an answer it lost for what the Lease says', async () => {
    stub.handler = (request, response) => {
      if (request.method !== 'GET') request.socket.destroy();
      serve(request, response);
    };
    const one = await candidate('one');
    await quiet();
    expect(one.isLeader()).toBe(false);
    expect(lease?.spec?.holderIdentity).toBe('one');
    stub.handler = serve;
    await pass(2_500);
    expect(one.isLeader()).toBe(true);
    expect(lease?.spec?.leaseTransitions).toBe(0);
  });

  it('gives the Lease up when its work fails', async () => {
    await candidate('one', { onStartedLeading: () => Promise.reject(new Error('x')) });
    await eventually(() => expect(history).toContain('one: LeaderFailed'));
    await quiet();
    const two = await candidate('two');
    await quiet();
    expect(two.isLeader()).toBe(true);
  });

  it.each([
    [{ leaseDurationMilliseconds: 10_000 }, 'leaseDuration'],
    [{ retryPeriodMilliseconds: 9_000 }, 'renewDeadline'],
  ])('refuses times with which two would lead: %j', async (options, word) => {
    await expect(candidate('one', options)).rejects.toThrow(word);
  });
});
