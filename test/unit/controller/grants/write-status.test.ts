import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { grantOfNonce } from '../../../../controller/grants/cache.ts';
import {
  trySwap,
  whileConflicts,
  writeStatus,
} from '../../../../controller/grants/write-status.ts';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { aGrant, anApprovedStatus, anInUseStatus, aUse } from '../../../support/builders.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

const GRANT = aGrant({
  metadata: { resourceVersion: '7', labels: { team: 'soc' } },
  status: anApprovedStatus(),
});
const NEXT = anInUseStatus({ uses: [aUse({ id: 'nonce-1' })] });

let stub: StubApiServer;
let cache: ReturnType<typeof aGrantCache>;
beforeEach(async () => {
  stub = await StubApiServer.start();
  cache = aGrantCache();
});
afterEach(() => stub[Symbol.asyncDispose]());

const writer = async () => ({ client: await stub.client(), cache });
const refuses = (code: number, reason: string) => {
  stub.handler = (_, response) => answer(response, code, status(code, reason));
};

describe('a status is written', () => {
  it('onto exactly the version and the object that it was derived from', async () => {
    stub.handler = ({ body }, response) => answer(response, 200, JSON.parse(body));
    await writeStatus(await writer(), GRANT, NEXT);
    const { metadata, status: written } = JSON.parse(stub.requests[0]?.body ?? '');
    const { namespace, name, uid } = GRANT.metadata;
    expect(metadata).toEqual({ namespace, name, uid, resourceVersion: '7' });
    expect(written).toEqual(NEXT);
  });

  it('and is in the cache before anything else happens', async () => {
    stub.handler = ({ body }, response) => {
      const grant = JSON.parse(body);
      answer(response, 200, { ...grant, metadata: { ...grant.metadata, resourceVersion: '8' } });
    };
    const written = await writeStatus(await writer(), GRANT, NEXT);
    expect(written.metadata.resourceVersion).toBe('8');
    expect(grantOfNonce(cache, 'nonce-1')).toEqual(written);
  });
});

describe('a compare-and-swap', () => {
  it('that somebody else won is a conflict, and leaves the cache as it was', async () => {
    refuses(409, 'Conflict');
    expect(await trySwap(await writer(), GRANT, NEXT)).toBe('Conflict');
    expect(cache.list()).toEqual([]);
  });

  it.each([
    [403, 'Forbidden'],
    [422, 'Invalid'],
    [404, 'NotFound'],
  ])('that is answered %i %s fails for that reason', async (code, reason) => {
    refuses(code, reason);
    const error = await trySwap(await writer(), GRANT, NEXT).catch((e: unknown) => e);
    expect(isKubernetesError(error)).toBe(true);
  });
});

describe('while others are first', () => {
  const attempts = (results: readonly string[]) => {
    const looks: boolean[] = [];
    const attempt = async (live: boolean) => {
      looks.push(live);
      return results[looks.length - 1] ?? 'Conflict';
    };
    return { looks, attempt };
  };

  it('one try is enough if nobody is, and it may rest on the cache', async () => {
    const { looks, attempt } = attempts(['done']);
    expect(await whileConflicts(3, attempt)).toBe('done');
    expect(looks).toEqual([false]);
  });

  it('every further try looks at the API server', async () => {
    const { looks, attempt } = attempts(['Conflict', 'Conflict', 'done']);
    expect(await whileConflicts(3, attempt)).toBe('done');
    expect(looks).toEqual([false, true, true]);
  });

  it('it ends after so many tries', async () => {
    const { looks, attempt } = attempts([]);
    expect(await whileConflicts(3, attempt)).toBeUndefined();
    expect(looks).toHaveLength(3);
  });

  it('an error ends it', async () => {
    const fails = () => Promise.reject(new Error('no'));
    await expect(whileConflicts(3, fails)).rejects.toThrow('no');
  });
});
