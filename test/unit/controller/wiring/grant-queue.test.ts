import { describe, expect, it } from 'vitest';
import { createGrantQueue } from '../../../../controller/wiring/grant-queue.ts';
import { aFinishedStatus, aGrant, anApprovedStatus, noonPlus } from '../../../support/builders.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

const KEPT = 2;
const ended = (name: string, seconds: number) =>
  aGrant({
    metadata: { name, resourceVersion: '2' },
    status: aFinishedStatus('Succeeded', { finishTime: noonPlus(seconds) }),
  });
const WAITING = aGrant({
  metadata: { name: 'waiting', resourceVersion: '2' },
  status: anApprovedStatus(),
});

async function keysOf({ queue }: ReturnType<typeof createGrantQueue>): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) keys.push((await queue.get()) ?? '');
  return keys;
}

function start(...grants: ReturnType<typeof aGrant>[]) {
  const cache = aGrantCache();
  for (const grant of grants) cache.observe(grant);
  return { cache, grants: createGrantQueue(new FakeClock(), KEPT) };
}

describe('the queue of grants', () => {
  it('is empty while another replica leads', async () => {
    const { cache, grants } = start(WAITING);
    grants.changed(cache, WAITING);
    grants.deleted(cache, WAITING);
    expect(await keysOf(grants)).toEqual([]);
  });

  it('begins with every grant there is when this replica comes to lead', async () => {
    const { cache, grants } = start(WAITING, ended('old', 1));
    grants.startLeading(cache);
    expect((await keysOf(grants)).sort()).toEqual(['soc/old', 'soc/waiting']);
  });

  it('gets a grant that has changed', async () => {
    const { cache, grants } = start();
    grants.startLeading(cache);
    grants.changed(cache, WAITING);
    expect(await keysOf(grants)).toEqual(['soc/waiting']);
  });

  it('takes nothing more once another replica leads', async () => {
    const { cache, grants } = start();
    grants.startLeading(cache);
    grants.stopLeading();
    grants.changed(cache, WAITING);
    expect(await keysOf(grants)).toEqual([]);
  });

  it('gets the grant that ended first with each that ends, once a namespace has more than it keeps', async () => {
    const { cache, grants } = start();
    grants.startLeading(cache);
    const added: string[][] = [];
    for (const grant of [ended('first', 1), ended('second', 2), ended('third', 3)]) {
      cache.observe(grant);
      grants.changed(cache, grant);
      const keys = await keysOf(grants);
      for (const key of keys) grants.queue.done(key);
      added.push(keys);
    }
    expect(added).toEqual([['soc/first'], ['soc/second'], ['soc/third', 'soc/first']]);
  });

  it('gets it also when another grant is deleted, which may not have been the only one too many', async () => {
    const { cache, grants } = start(ended('first', 1), ended('second', 2), ended('third', 3));
    grants.startLeading(cache);
    for (const key of await keysOf(grants)) grants.queue.done(key);
    grants.deleted(cache, ended('zeroth', 0));
    expect(await keysOf(grants)).toEqual(['soc/first']);
  });
});
