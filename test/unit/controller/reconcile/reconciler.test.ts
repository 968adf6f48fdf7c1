/** One look at one grant, over a stub of the API server: what each step does, and in which order. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ReconcilerDependencies,
  reconcile,
  runWorker,
} from '../../../../controller/reconcile/reconciler.ts';
import type { ActionGrant, ActionGrantSpec } from '../../../../core/api/generated/actiongrant.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { createWorkQueue } from '../../../../core/kubernetes/workqueue.ts';
import { createLogger } from '../../../../process/log.ts';
import {
  aBoundCredential,
  aGrant,
  aGrantSpec,
  anApprovedStatus,
  anEndedUse,
  anHttpAction,
  anInUseStatus,
  aPendingStatus,
  aUse,
  aUseCredential,
  withoutCredential,
} from '../../../support/builders.ts';
import { eventually } from '../../../support/eventually.ts';
import { answer, status } from '../../../support/stub-api-server.ts';
import { GrantServer } from '../grant-server.ts';

const NAME = 'quarantine-host-7';
const KEY = `soc/${NAME}`;

let server: GrantServer;
let dependencies: ReconcilerDependencies;
let confirmed: string[];
let warnings: string[];

beforeEach(async () => {
  server = await GrantServer.start();
  confirmed = [];
  warnings = [];
  const { clock } = server;
  dependencies = {
    ...(await server.dependencies()),
    queue: createWorkQueue({ clock }),
    podIsGone: () => false,
    maxFinishedPerNamespace: 100,
    log: createLogger({
      level: 'info',
      fields: {},
      write: (line) => void warnings.push(JSON.parse(line).message),
      now: () => clock.now(),
    }),
    confirm: (_grant, nonce) => void confirmed.push(nonce),
  };
});
afterEach(() => server[Symbol.asyncDispose]());

/** A time, so many seconds from now. */
const inSeconds = (seconds: number): string =>
  new Date(server.clock.now() + seconds * 1000).toISOString();
const aNewGrant = (spec: Partial<ActionGrantSpec> = {}, ageSeconds = 0): ActionGrant =>
  aGrant({ metadata: { name: NAME, creationTimestamp: inSeconds(-ageSeconds) }, spec });
const BY_REQUESTER = { approvedByRequester: true };
const look = () => reconcile(dependencies, KEY);
const condition = (type: string) =>
  server.statusOf(NAME).conditions?.find((each) => each.type === type);
const refuseWrites = (code: number, reason: string) => {
  server.intercept = ({ method }, response) => {
    if (method !== 'PUT') return false;
    answer(response, code, status(code, reason));
    return true;
  };
};

describe('a grant that its requester approved', () => {
  it('becomes usable: its Secret first, then the status that names it', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    expect(await look()).toBe(0);
    expect(server.requests).toEqual(['GET serviceaccount', 'POST secret', 'PUT status']);
    const { phase, credential } = server.statusOf(NAME);
    expect(phase).toBe('Approved');
    expect([...server.secrets]).toEqual([[credential?.secretName, credential?.secretUID]]);
    expect(condition('Approved')).toMatchObject({ status: 'True', reason: 'ApprovedByRequester' });
    expect(server.events).toEqual(['Approved']);
  });

  it('becomes usable without a Secret, if it lends no credential', async () => {
    const spec = withoutCredential(aGrantSpec(BY_REQUESTER));
    server.put({ ...aNewGrant(), spec });
    await look();
    expect(server.requests).toEqual(['PUT status']);
    expect(server.statusOf(NAME)).not.toHaveProperty('credential');
  });

  it('says once which ServiceAccount is missing, and becomes usable when it is there', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    server.accounts.clear();
    for (let round = 0; round < 2; round++) {
      await expect(look()).rejects.toMatchObject({ code: 'CredentialRefused' });
    }
    expect(server.requests.filter((request) => request === 'PUT status')).toHaveLength(1);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'ServiceAccountNotFound' });
    server.accounts.set('edr-quarantine', aBoundCredential().serviceAccountUID);
    await look();
    expect(server.statusOf(NAME).phase).toBe('Approved');
  });

  it('says that its Secret cannot be created', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    server.intercept = ({ path }, response) => {
      if (!path.endsWith('/secrets')) return false;
      answer(response, 403, status(403, 'Forbidden'));
      return true;
    };
    await expect(look()).rejects.toThrow();
    expect(condition('Ready')).toMatchObject({ reason: 'SecretNotCreated' });
  });

  it.each([
    [409, 'Conflict'],
    [403, 'Forbidden'],
    [422, 'Invalid'],
  ])('leaves no Secret behind if its status is answered %i %s', async (code, reason) => {
    server.put(aNewGrant(BY_REQUESTER));
    refuseWrites(code, reason);
    await expect(look()).rejects.toThrow();
    expect(server.requests).toContain('POST secret');
    expect([...server.secrets]).toEqual([]);
  });

  it('keeps its Secret if nobody knows whether the status names it', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    refuseWrites(500, 'InternalError');
    const error = await look().catch((e: unknown) => e);
    expect(isKubernetesError(error, 'Ambiguous')).toBe(true);
    expect(server.secrets.size).toBe(1);
  });
});

describe('a grant that waits', () => {
  it('is described once, and looked at again at its deadline', async () => {
    server.put(aNewGrant({}, 600));
    await look();
    expect(server.statusOf(NAME)).toMatchObject({
      phase: 'Pending',
      summary: 'POST edr.example.com/v1/hosts/host-7/quarantine',
    });
    expect(server.events).toEqual(['DecisionNeeded']);
    expect(await look()).toBe(3_000_000);
    expect(server.requests).toHaveLength(1);
  });

  it('expires', async () => {
    server.put(aNewGrant({}, 3_600));
    await look();
    expect(server.statusOf(NAME).phase).toBe('Expired');
    expect(server.events).toEqual(['Expired']);
  });
});

describe('a grant that is approved', () => {
  const approved = (seconds: number) =>
    aGrant({ status: anApprovedStatus({ expirationTime: inSeconds(seconds) }) });

  it('expires: the status first, then its Secret', async () => {
    server.put(approved(0));
    await look();
    expect(server.statusOf(NAME)).toMatchObject({ phase: 'Expired', credential: {} });
    await look();
    expect(server.requests).toEqual(['PUT status', 'DELETE secret', 'PUT status']);
    expect(server.statusOf(NAME)).not.toHaveProperty('credential');
  });

  it('is left to the use that won', async () => {
    server.put(approved(0));
    server.writeElsewhere(NAME, anInUseStatus());
    const error = await look().catch((e: unknown) => e);
    expect(isKubernetesError(error, 'Conflict')).toBe(true);
    expect(server.statusOf(NAME).phase).toBe('InUse');
  });
});

describe('a use', () => {
  const inUse = (deadline: number) =>
    aGrant({
      status: anInUseStatus({ uses: [aUse({ id: 'nonce-1', deadlineTime: inSeconds(deadline) })] }),
    });

  it('that is late is burnt: its Secret first, then the record, then the confirmation', async () => {
    server.put(inUse(-5));
    await look();
    expect(server.requests).toEqual(['DELETE secret', 'PUT status']);
    expect(server.statusOf(NAME)).toMatchObject({ phase: 'Finished', outcome: 'Unknown' });
    expect(confirmed).toEqual(['nonce-1']);
    expect(server.events).toEqual(['OutcomeUnknown']);
    expect(server.log[0]).toMatchObject({ reason: 'its deadline passed' });
  });

  it.each<[string, number, unknown, boolean]>([
    ['is gone', 404, status(404, 'NotFound'), true],
    ['was made again under its name', 200, { metadata: { uid: 'another' } }, true],
    ['runs: the cache was behind', 200, { metadata: { uid: aUse().podUID } }, false],
    ['has ended', 200, { metadata: { uid: aUse().podUID }, status: { phase: 'Succeeded' } }, true],
  ])('whose pod the cache misses is burnt if the pod %s', async (_, code, pod, burnt) => {
    server.put(inUse(30));
    dependencies = { ...dependencies, podIsGone: () => true };
    server.intercept = ({ path }, response) => {
      if (!path.includes('/pods/')) return false;
      const metadata = { name: 'incident-agent-0', namespace: 'soc', resourceVersion: '1' };
      const object = pod as { metadata?: object };
      answer(response, code, { ...object, metadata: { ...metadata, ...object.metadata } });
      return true;
    };
    expect(await look()).toBe(burnt ? 0 : 1_000);
    expect(server.statusOf(NAME).phase).toBe(burnt ? 'Finished' : 'InUse');
  });

  it('records nothing while its Secret may exist', async () => {
    server.put(inUse(-5));
    server.intercept = ({ method }, response) => {
      if (method !== 'DELETE') return false;
      answer(response, 503, status(503, 'ServiceUnavailable'));
      return true;
    };
    await expect(look()).rejects.toThrow();
    expect(server.statusOf(NAME).phase).toBe('InUse');
  });
});

describe('a grant that has ended', () => {
  const ended = (finishedAgo: number, credential = aUseCredential()) =>
    aGrant({
      status: {
        ...anApprovedStatus(),
        phase: 'Finished',
        outcome: 'Succeeded',
        finishTime: inSeconds(-finishedAgo),
        uses: [anEndedUse('Succeeded', { id: 'nonce-1', credential })],
      },
    });
  const gone = ({ status: kept, ...grant }: ActionGrant): ActionGrant => {
    const { credential: _, ...bare } = kept ?? aPendingStatus();
    return { ...grant, status: bare };
  };

  it('is deleted after its time to live, with its last line in the log before', async () => {
    server.put(gone(ended(3_600)));
    expect(await look()).toBeUndefined();
    expect(server.has(NAME)).toBe(false);
    expect(server.log.at(-1)).toMatchObject({
      message: 'a grant that has ended is deleted',
      reason: 'its time to live is over',
    });
    const { preconditions } = JSON.parse(server.stub.requests.at(-1)?.body ?? '');
    expect(preconditions).toMatchObject({ uid: expect.any(String), resourceVersion: '101' });
  });

  it('goes earlier where its namespace has more than it keeps', async () => {
    server.put(gone(ended(60)));
    dependencies = { ...dependencies, maxFinishedPerNamespace: 0 };
    await look();
    expect(server.has(NAME)).toBe(false);
  });

  it('says when nobody was left to confirm its revocation', async () => {
    const deleted = aUseCredential({ deletedTime: inSeconds(-60) });
    const grant = gone(ended(60, deleted));
    const open = {
      type: 'CredentialRevoked',
      status: 'Unknown',
      reason: 'AwaitingConfirmation',
      message: '',
      lastTransitionTime: inSeconds(-60),
    } as const;
    server.put({ ...grant, status: { ...(grant.status ?? aPendingStatus()), conditions: [open] } });
    await look();
    expect(condition('CredentialRevoked')).toMatchObject({ status: 'True', reason: 'Unconfirmed' });
    expect(server.events).toEqual(['RevocationUnconfirmed']);
  });
});

describe('a worker', () => {
  const work = async () => {
    const stopping = new AbortController();
    const ended = runWorker(dependencies, stopping.signal);
    return {
      async [Symbol.asyncDispose]() {
        stopping.abort();
        await ended;
      },
    };
  };

  it('goes on with a grant until nothing is left to do at once', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    await using _ = await work();
    dependencies.queue.add(KEY);
    await eventually(() => expect(server.statusOf(NAME).phase).toBe('Approved'));
    await eventually(() => expect(server.clock.pending).toBeGreaterThan(0));
    expect(dependencies.queue.retries(KEY)).toBe(0);
  });

  it('tries a grant again that could not be reconciled, and says so', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    refuseWrites(503, 'ServiceUnavailable');
    await using _ = await work();
    dependencies.queue.add(KEY);
    await eventually(() => expect(dependencies.queue.retries(KEY)).toBe(1));
    expect(warnings).toEqual(['a grant could not be reconciled and is tried again']);
  });

  it('tries a grant again that somebody else changed, without a word', async () => {
    server.put(aNewGrant(BY_REQUESTER));
    server.writeElsewhere(NAME, aPendingStatus());
    await using _ = await work();
    dependencies.queue.add(KEY);
    await eventually(() => expect(dependencies.queue.retries(KEY)).toBe(1));
    expect(warnings).toEqual([]);
  });

  it('leaves a grant that no call can match to its deadline', async () => {
    const action = anHttpAction({ url: 'https://EDR.example.com/%zz' });
    server.put(aNewGrant({ ...BY_REQUESTER, action }));
    await using _ = await work();
    dependencies.queue.add(KEY);
    await eventually(() => expect(warnings).toEqual(['a grant cannot be used']));
    expect(dependencies.queue.retries(KEY)).toBe(0);
    expect(server.requests).toEqual([]);
  });

  it('passes over a grant that is gone', async () => {
    await using _ = await work();
    dependencies.queue.add(KEY);
    await eventually(() => expect(dependencies.queue.length).toBe(0));
    expect(server.requests).toEqual([]);
  });
});
