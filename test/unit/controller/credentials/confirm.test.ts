import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CONFIRMATION_LIMIT_MILLISECONDS,
  type Confirmer,
  createConfirmer,
} from '../../../../controller/credentials/confirm.ts';
import { SUCCESS_CACHE_MILLISECONDS } from '../../../../controller/credentials/token-rejection.ts';
import type { LiveGrant } from '../../../../controller/grants/resource.ts';
import { createControllerMetrics } from '../../../../controller/record/metrics.ts';
import { createGrantRecorder } from '../../../../controller/record/recorder.ts';
import type { ActionGrant, Outcome } from '../../../../core/api/generated/actiongrant.ts';
import type { ObjectStore } from '../../../../core/kubernetes/store.ts';
import { Secret } from '../../../../core/text/secret.ts';
import { createLogger } from '../../../../process/log.ts';
import { Registry } from '../../../../process/metrics.ts';
import {
  aFinishedStatus,
  aGrant,
  aGrantSpec,
  aKubernetesAction,
  anEndedUse,
  aUseCredential,
} from '../../../support/builders.ts';
import { boundTokenClaims, createClusterSigner } from '../../../support/cluster-signer.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { aGrantCache, anUnsignedToken, Held } from '../exchange/grants-api.ts';

const NONCE = 'nonce-1';
const cluster = await createClusterSigner();
const elliptic = await createClusterSigner('ES256');
/** SEC 2 2.4.2. */
const ORDER = 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n;
/** The token with n - s for the s of its signature. */
const otherText = (token: string): string => {
  const [signature = '', ...rest] = token.split('.').reverse();
  const bytes = Buffer.from(signature, 'base64url');
  const s = ORDER - BigInt(`0x${bytes.toString('hex', 32)}`);
  const other = Buffer.from(bytes.toString('hex', 0, 32) + s.toString(16).padStart(64, '0'), 'hex');
  return [...rest.reverse(), other.toString('base64url')].join('.');
};
const claims = (jti: string, audience = 'https://edr.example.com') => {
  const { secretName, secretUID } = aUseCredential();
  return boundTokenClaims({
    jti,
    namespace: 'soc',
    account: 'edr-quarantine',
    secretName,
    secretUID,
    audience,
    issuedAt: new FakeClock().now(),
  });
};
const TOKEN = await cluster.sign(claims('jti-1'));
const OF_ANOTHER_USE = await cluster.sign(claims('jti-2'));
const FORGED = anUnsignedToken(claims('jti-1'));
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';

let stub: StubApiServer;
let clock: FakeClock;
let cache: ObjectStore<ActionGrant>;
let log: string[];
let errors: string[];
let confirmer: Confirmer;
let held: Held;

beforeEach(async () => {
  stub = await StubApiServer.start();
  held = new Held(stub);
  clock = new FakeClock();
  cache = aGrantCache();
  log = [];
  errors = [];
});
afterEach(async () => {
  confirmer.stop();
  await stub[Symbol.asyncDispose]();
});

async function start({ severalServers = false, signer = cluster } = {}): Promise<void> {
  const metrics = createControllerMetrics(new Registry());
  confirmer = createConfirmer({
    client: await stub.client(),
    keysFor: signer.keysFor,
    cache,
    clock,
    metrics,
    recorder: createGrantRecorder({
      log: createLogger({
        level: 'info',
        fields: {},
        write: (line) => void log.push(line),
        now: () => clock.now(),
      }),
      events: { record() {}, async flush() {} },
      metrics,
      now: () => clock.now(),
    }),
    severalServers: async () => severalServers,
    onError: (message) => void errors.push(message),
  });
}

const at = (milliseconds: number): string => new Date(clock.now() + milliseconds).toISOString();

/** A grant whose use began, and whose Secret was deleted, so long ago. */
function ended(
  {
    startedAgo = 1_000,
    deletedAgo = 250,
    outcome = 'Succeeded' as Outcome,
    name = 'quarantine-1',
  } = {},
  spec = aGrantSpec(),
): LiveGrant {
  const use = anEndedUse(outcome, {
    id: NONCE,
    startTime: at(-startedAgo),
    credential: aUseCredential({ id: 'jti-1', deletedTime: at(-deletedAgo) }),
  });
  const grant = aGrant({
    metadata: { name, resourceVersion: '5' },
    spec,
    status: aFinishedStatus(outcome, { uses: [use] }),
  }) as LiveGrant;
  cache.observe(grant);
  return grant;
}

/** The next request is a TokenReview: answers it. */
async function review(authenticated: boolean) {
  const { request, answer } = await held.next();
  expect(request.path).toBe(REVIEWS);
  answer(201, { status: { authenticated } });
  return JSON.parse(request.body).spec;
}

/** The next request writes the status: applies it. */
async function write(resourceVersion = '6') {
  const { request, answer } = await held.next();
  expect(request.method).toBe('PUT');
  const grant = JSON.parse(request.body);
  answer(200, { ...grant, metadata: { ...grant.metadata, resourceVersion } });
  return grant;
}

/** Lets what was answered arrive and its pause be set. */
const paused = () => eventually(() => expect(clock.pending).toBe(1));
/** Nobody is asked yet. Before a question arrives, it is under way for a while, and nothing waits for the clock then. */
const notAsked = () =>
  expect({ waiting: held.waiting, pending: clock.pending }).toEqual({ waiting: 0, pending: 1 });
const confirmed = () => eventually(() => expect(log.join()).toContain('a credential was revoked'));

describe('a revocation is confirmed', () => {
  it('at once, when the API server refuses the token', async () => {
    await start();
    const grant = ended();
    const now = at(0);
    confirmer.confirm(grant, NONCE, new Secret(TOKEN));
    // With the audiences that the service asks with: they are part of the key of the API server's cache.
    expect(await review(false)).toEqual({ token: TOKEN, audiences: ['https://edr.example.com'] });
    const { metadata, status } = await write();
    expect(metadata).toMatchObject({ uid: grant.metadata.uid, resourceVersion: '5' });
    expect(status.uses[0].credential.rejectedTime).toBe(now);
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'CredentialRevoked', status: 'True', reason: 'Confirmed' }),
    );
    await confirmed();
    expect(cache.get({ namespace: 'soc', name: grant.metadata.name })?.metadata).toMatchObject({
      resourceVersion: '6',
    });
    expect(log.join()).not.toContain(TOKEN);
  });

  it('without audiences for the API server itself', async () => {
    await start();
    const spec = aGrantSpec({ action: aKubernetesAction() });
    confirmer.confirm(ended({}, spec), NONCE, new Secret(TOKEN));
    expect(await review(false)).toEqual({ token: TOKEN });
    await write();
  });

  it('not before the API server has had time to hear of the deletion: it would remember the token', async () => {
    await start();
    confirmer.confirm(ended({ deletedAgo: 10 }), NONCE, new Secret(TOKEN));
    await paused();
    await clock.advance(239);
    notAsked();
    await clock.advance(1);
    await review(false);
    await write();
  });

  it('after the cache of the API server has run out, and no sooner', async () => {
    await start();
    confirmer.confirm(ended({ startedAgo: 4_000 }), NONCE, new Secret(TOKEN));
    await review(true);
    await paused();
    await clock.advance(SUCCESS_CACHE_MILLISECONDS - 4_000 - 1);
    notAsked();
    await clock.advance(1);
    await review(true);
    await paused();
    await clock.advance(250);
    const rejected = at(0);
    await review(false);
    expect((await write()).status.uses[0].credential.rejectedTime).toBe(rejected);
  });

  it('after what any of several API servers can have cached', async () => {
    await start({ severalServers: true });
    confirmer.confirm(ended({ deletedAgo: 0 }), NONCE, new Secret(TOKEN));
    await paused();
    await clock.advance(SUCCESS_CACHE_MILLISECONDS);
    notAsked();
    await clock.advance(250);
    await review(false);
    await write();
  });

  it('after what it can have cached of another text of the token, if that has one', async () => {
    await start({ signer: elliptic });
    // As good as the real one to whoever verifies it, and nobody remembers it.
    const twin = otherText(await elliptic.sign(claims('jti-1')));
    confirmer.confirm(ended({ deletedAgo: 0 }), NONCE, new Secret(twin));
    await paused();
    await clock.advance(SUCCESS_CACHE_MILLISECONDS);
    notAsked();
    await clock.advance(250);
    expect((await review(false)).token).toBe(twin);
    await write();
  });

  it('at once with the text that was handed over, whatever else there may be', async () => {
    await start({ signer: elliptic });
    const token = await elliptic.sign(claims('jti-1'));
    confirmer.remember(NONCE, new Secret(token));
    confirmer.confirm(ended(), NONCE, new Secret(otherText(token)));
    expect((await review(false)).token).toBe(token);
    await write();
  });

  it('by asking again when a question is not answered', async () => {
    await start();
    confirmer.confirm(ended({ startedAgo: 10_000 }), NONCE, new Secret(TOKEN));
    (await held.next()).answer(500, status(500, 'InternalError'));
    await paused();
    await clock.advance(250);
    await review(false);
    await write();
  });

  it('with the token that was handed over, whatever the sidecar sends', async () => {
    await start();
    confirmer.remember(NONCE, new Secret(TOKEN));
    const other = anUnsignedToken({ jti: 'jti-2' });
    confirmer.confirm(ended(), NONCE, new Secret(other));
    expect((await review(false)).token).toBe(TOKEN);
    await write();
  });
});

describe('a revocation is not confirmed', () => {
  it.each<[string, string | undefined]>([
    ['without a token', undefined],
    ['with an unsigned token that has the right ID', FORGED],
    ['with a token of another use', OF_ANOTHER_USE],
    ['with what is no token', 'x'],
  ])('%s', async (_, token) => {
    await start();
    confirmer.confirm(ended(), NONCE, token === undefined ? undefined : new Secret(token));
    await clock.advance(30_000);
    // A question would need a moment of the real clock to arrive.
    await sleep(50);
    expect(stub.requests).toHaveLength(0);
  });

  it('with the copy of a token that was used for it before', async () => {
    await start();
    confirmer.remember(NONCE, new Secret(TOKEN));
    const grant = ended();
    confirmer.confirm(grant, NONCE, undefined);
    await review(false);
    await write();
    await confirmed();
    confirmer.confirm(grant, NONCE, undefined);
    await clock.advance(1_000);
    expect(held.waiting).toBe(0);
  });

  it('for a token that is accepted too long: the reconciler says so', async () => {
    await start();
    confirmer.confirm(ended({ startedAgo: 10_000 }), NONCE, new Secret(TOKEN));
    await review(true);
    await paused();
    clock.wallOffset += CONFIRMATION_LIMIT_MILLISECONDS;
    await clock.advance(250);
    expect(held.waiting).toBe(0);
    expect(log).toEqual([]);
  });

  it('for a Secret that is still there', async () => {
    await start();
    const grant = aGrant({
      status: aFinishedStatus('Unknown', {
        uses: [anEndedUse('Unknown', { id: NONCE, credential: aUseCredential({ id: 'jti-1' }) })],
      }),
    }) as LiveGrant;
    confirmer.confirm(grant, NONCE, new Secret(TOKEN));
    await clock.advance(1_000);
    expect(stub.requests).toHaveLength(0);
  });

  it('after the stop', async () => {
    await start();
    confirmer.confirm(ended(), NONCE, new Secret(TOKEN));
    await review(true);
    await paused();
    confirmer.stop();
    await clock.advance(30_000);
    expect(held.waiting).toBe(0);
  });
});

describe('the record of a confirmation', () => {
  it('is written onto what the grant is now, when somebody else was faster', async () => {
    await start();
    const grant = ended();
    confirmer.confirm(grant, NONCE, new Secret(TOKEN));
    await review(false);
    (await held.next()).answer(409, status(409, 'Conflict'));
    const newer = { ...grant, metadata: { ...grant.metadata, resourceVersion: '8' } };
    const read = await held.next();
    expect(read.request.method).toBe('GET');
    read.answer(200, newer);
    expect((await write('9')).metadata.resourceVersion).toBe('8');
    await confirmed();
  });

  it('is not written onto another grant of its name', async () => {
    await start();
    const grant = ended();
    confirmer.confirm(grant, NONCE, new Secret(TOKEN));
    await review(false);
    (await held.next()).answer(409, status(409, 'Conflict'));
    (await held.next()).answer(200, { ...grant, metadata: { ...grant.metadata, uid: 'another' } });
    await confirmed();
    expect(stub.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('that is refused is an error that is told', async () => {
    await start();
    confirmer.confirm(ended(), NONCE, new Secret(TOKEN));
    await review(false);
    (await held.next()).answer(403, status(403, 'Forbidden'));
    await eventually(() => expect(errors).toEqual(['a revocation could not be confirmed']));
  });

  it('of a grant that is deleted meanwhile is not needed', async () => {
    await start();
    confirmer.confirm(ended(), NONCE, new Secret(TOKEN));
    await review(false);
    (await held.next()).answer(404, status(404, 'NotFound'));
    // Another confirmation comes through meanwhile: the first one's end has arrived by then.
    confirmer.confirm(ended({ name: 'quarantine-2' }), NONCE, new Secret(TOKEN));
    await review(false);
    await write();
    await confirmed();
    expect(errors).toEqual([]);
  });
});

it('no more than eight questions are under way at once, and all are asked', async () => {
  await start();
  const grants = Array.from({ length: 20 }, (_, i) => ended({ name: `quarantine-${i}` }));
  for (const grant of grants) confirmer.confirm(grant, NONCE, new Secret(TOKEN));
  await eventually(() => expect(held.waiting).toBe(8));
  await clock.advance(0);
  expect(held.waiting).toBe(8);
  stub.handler = (request, response) =>
    request.method === 'POST'
      ? answer(response, 201, { status: { authenticated: false } })
      : answer(response, 200, JSON.parse(request.body));
  for (let i = 0; i < 8; i++) await review(false);
  await eventually(() => {
    expect(stub.requests.filter(({ path }) => path === REVIEWS)).toHaveLength(20);
  });
});

it('a report that is repeated does not ask twice', async () => {
  await start();
  confirmer.confirm(ended(), NONCE, new Secret(TOKEN));
  confirmer.confirm(ended(), NONCE, new Secret(TOKEN));
  await review(false);
  await write();
  await confirmed();
  expect(stub.requests.filter(({ path }) => path === REVIEWS)).toHaveLength(1);
});
