import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { createFreshener } from '../../../../controller/use/freshen.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { aGrant, anApprovedStatus } from '../../../support/builders.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { StubApiServer, status } from '../../../support/stub-api-server.ts';
import { aGrantCache, Held } from '../exchange/grants-api.ts';

const AGENT = { namespace: 'soc', serviceAccountName: 'incident-agent' };
const list = (...items: object[]) => ({ metadata: { resourceVersion: '9' }, items });

let stub: StubApiServer;
let held: Held;
let clock: FakeClock;
beforeEach(async () => {
  stub = await StubApiServer.start();
  held = new Held(stub);
  clock = new FakeClock();
});
afterEach(() => stub[Symbol.asyncDispose]());

async function aFreshener(acceptedNamespaces: readonly string[] = []) {
  const cache = aGrantCache();
  const client = await stub.client();
  const freshener = createFreshener({
    client,
    cache,
    clock,
    phase: 'Approved',
    acceptedNamespaces: () => acceptedNamespaces,
  });
  return { cache, freshener };
}

describe('a check', () => {
  it("brings the agent's approved grants of its namespace into the cache", async () => {
    const { cache, freshener } = await aFreshener();
    const work = freshener.freshen(AGENT);
    const { request, answer } = await held.next();
    expect(request.path).toBe('/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants');
    // The most recent state: without a resourceVersion.
    expect(Object.fromEntries(request.query)).toEqual({
      fieldSelector: 'spec.agent.serviceAccountName=incident-agent,status.phase=Approved',
    });
    const grant = aGrant({ metadata: { resourceVersion: '5' }, status: anApprovedStatus() });
    answer(200, list(grant));
    await work;
    expect(cache.get({ namespace: 'soc', name: grant.metadata.name })).toMatchObject(grant);
  });

  it('asks every namespace whose grants are accepted, and is done when all have answered', async () => {
    const { freshener } = await aFreshener(['shared']);
    let done = false;
    const work = freshener.freshen(AGENT).then(() => {
      done = true;
    });
    const [a, b] = [await held.next(), await held.next()];
    expect([a, b].map(({ request }) => request.path.split('/')[5]).sort()).toEqual([
      'shared',
      'soc',
    ]);
    a.answer(200, list());
    await clock.advance(0);
    expect(done).toBe(false);
    b.answer(200, list());
    await work;
  });

  it('that fails says so to everybody who waits, and the next one asks again', async () => {
    const { freshener } = await aFreshener();
    const first = freshener.freshen(AGENT).catch((error: unknown) => error);
    (await held.next()).answer(403, status(403, 'Forbidden'));
    expect(isKubernetesError(await first, 'Forbidden')).toBe(true);
    const second = freshener.freshen(AGENT);
    await clock.advance(100);
    (await held.next()).answer(200, list());
    await second;
  });
});

describe('checks of one agent', () => {
  it('are not joined once they run: they may have read before the call came', async () => {
    const { freshener } = await aFreshener();
    const first = freshener.freshen(AGENT);
    const running = await held.next();
    let secondDone = false;
    const second = freshener.freshen(AGENT).then(() => {
      secondDone = true;
    });
    running.answer(200, list());
    await first;
    expect(secondDone).toBe(false);
    await clock.advance(100);
    (await held.next()).answer(200, list());
    await second;
  });

  it('are shared by all who come before they start', async () => {
    const { freshener } = await aFreshener();
    const first = freshener.freshen(AGENT);
    (await held.next()).answer(200, list());
    await first;
    const others = Array.from({ length: 50 }, () => freshener.freshen(AGENT));
    await clock.advance(100);
    (await held.next()).answer(200, list());
    await Promise.all(others);
    expect(stub.requests).toHaveLength(2);
  });

  it('are spaced, from the start of one to the start of the next', async () => {
    const { freshener } = await aFreshener();
    const first = freshener.freshen(AGENT);
    (await held.next()).answer(200, list());
    await first;
    await clock.advance(40);
    const second = freshener.freshen(AGENT);
    await clock.advance(59);
    expect(held.waiting).toBe(0);
    await clock.advance(1);
    (await held.next()).answer(200, list());
    await second;
    await clock.advance(1_000);
    const third = freshener.freshen(AGENT);
    (await held.next()).answer(200, list());
    await third;
  });
});

describe('after a check that took', () => {
  test.each([
    ['10 ms, the next one starts 100 ms after its start', 10, 90],
    ['200 ms, the next one rests four times as long', 200, 800],
    ['the 5 s of a server that hangs, the next one rests 1 s', 5_000, 1_000],
  ])('%s', async (_, duration, rest) => {
    const { freshener } = await aFreshener();
    const first = freshener.freshen(AGENT);
    const running = await held.next();
    await clock.advance(duration);
    running.answer(200, list());
    await first;
    const second = freshener.freshen(AGENT);
    await clock.advance(rest - 1);
    expect(held.waiting).toBe(0);
    await clock.advance(1);
    (await held.next()).answer(200, list());
    await second;
  });
});

it('checks of different agents are independent', async () => {
  const { freshener } = await aFreshener();
  const others = [
    AGENT,
    { ...AGENT, serviceAccountName: 'other' },
    { ...AGENT, namespace: 'other' },
  ].map((agent) => freshener.freshen(agent));
  for (const _ of others) (await held.next()).answer(200, list());
  await Promise.all(others);
  expect(stub.requests).toHaveLength(3);
});
