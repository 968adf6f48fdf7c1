import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFreshener } from '../../../../controller/use/freshen.ts';
import { MAX_CONFLICTS } from '../../../../controller/use/next-step.ts';
import { createUseHandler, type UseHandler } from '../../../../controller/use/use.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import {
  aBoundCredential,
  aFinishedStatus,
  aGrant,
  anApprovedStatus,
  anHttpAction,
  anInUseStatus,
  aUse,
} from '../../../support/builders.ts';
import { eventually } from '../../../support/eventually.ts';
import { anHttpCall, aUseRequest } from '../../../support/exchange.ts';
import type { StubRequest } from '../../../support/stub-api-server.ts';
import { GrantServer } from '../grant-server.ts';

const NAME = 'quarantine-host-7';
const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'incident-agent-0',
  podUID: 'pod-1',
};
const { digest: actionDigest } = grantedAction(anHttpAction());

let server: GrantServer;
let handler: UseHandler;
/** Nonces whose tokens were handed over. */
let handedOver: string[];

beforeEach(async () => {
  server = await GrantServer.start();
  handedOver = [];
  const dependencies = await server.dependencies();
  const acceptedNamespaces = () => [];
  handler = createUseHandler({
    ...dependencies,
    freshener: createFreshener({ ...dependencies, phase: 'Approved', acceptedNamespaces }),
    acceptsGrantsFrom: () => false,
    createAttemptID: randomUUID,
    handedOver: (nonce) => void handedOver.push(nonce),
  });
});
afterEach(() => server[Symbol.asyncDispose]());

function usable(name = NAME, secret = 'secret-1'): ActionGrant {
  const credential = aBoundCredential({ secretName: secret, secretUID: `uid-of-${secret}` });
  const expirationTime = new Date(server.clock.now() + 900_000).toISOString();
  return aGrant({
    metadata: { name },
    status: anApprovedStatus({ actionDigest, credential, expirationTime }),
  });
}
const call = (nonce: string = randomUUID(), caller = new AbortController()) =>
  handler.use(CALLER, aUseRequest({ nonce, action: anHttpCall() }), caller.signal);
const isWrite = ({ method }: StubRequest) => method === 'PUT';
const isIssue = ({ path }: StubRequest) => path.endsWith('/token');
/** Stops the first request of this kind until it is released. */
function hold(matches: (request: StubRequest) => boolean) {
  const held = Promise.withResolvers<void>();
  let release: (() => void) | undefined;
  server.intercept = (request, response) => {
    if (release !== undefined || !matches(request)) return false;
    release = () => server.handle(request, response);
    held.resolve();
    return true;
  };
  return { held: held.promise, release: () => release?.() };
}

describe('a use', () => {
  it('issues, consumes, then hands over what the record names', async () => {
    server.put(usable());
    const answer = await call('nonce-1');
    expect(server.requests).toEqual(['POST token', 'POST tokenreview', 'PUT status']);
    const { phase, uses } = server.statusOf(NAME);
    expect(phase).toBe('InUse');
    expect(uses).toMatchObject([{ id: 'nonce-1', podUID: 'pod-1' }]);
    expect(decodeJwt(answer.credential?.token ?? '').jti).toBe(uses?.[0]?.credential?.id);
    expect(answer).toMatchObject({
      nonce: 'nonce-1',
      bodyForm: 'JSON',
      timeoutMilliseconds: 30_000,
    });
    expect(handedOver).toEqual(['nonce-1']);
    expect(server.log.map(({ message }) => message)).toEqual(['a grant was consumed']);
  });

  it('has an attempt ID of its own for every try', async () => {
    server.put(usable());
    server.writeElsewhere(NAME, server.statusOf(NAME));
    await call();
    const written = server.stub.requests.filter(isWrite).map(({ body }) => JSON.parse(body));
    const ids = written.map(({ status }) => status.uses[0].attemptID);
    expect(new Set(ids).size).toBe(2);
    expect(server.statusOf(NAME).uses?.[0]?.attemptID).toBe(ids[1]);
  });

  it('asks the API server where the cache has no grant', async () => {
    server.put(usable(), { cached: false });
    expect((await call()).grant.name).toBe(NAME);
    expect(server.requests).toEqual([
      'GET actiongrant',
      'POST token',
      'POST tokenreview',
      'PUT status',
    ]);
  });

  it('reads a grant again that somebody else changed first', async () => {
    server.put(usable());
    server.writeElsewhere(NAME, aFinishedStatus('Succeeded', { actionDigest }));
    await expect(call()).rejects.toMatchObject({ code: 'GrantRequired' });
    expect(server.requests.filter((request) => request === 'PUT status')).toHaveLength(1);
  });

  it('takes a Secret that is gone for a conflict, if the grant has moved on', async () => {
    server.put(usable());
    const credential = aBoundCredential({ secretName: 'secret-2', secretUID: 'uid-of-secret-2' });
    server.secrets.clear();
    server.secrets.set('secret-2', 'uid-of-secret-2');
    server.writeElsewhere(NAME, { ...server.statusOf(NAME), credential });
    await call();
    expect(server.statusOf(NAME).uses?.[0]?.credential?.secretName).toBe('secret-2');
  });

  it('passes over a grant that gets no credential', async () => {
    server.put(usable('first', 'secret-1'));
    server.put(usable('second', 'secret-2'));
    server.secrets.delete('secret-1');
    expect((await call()).grant.name).toBe('second');
  });
});

describe('a use is refused', () => {
  it('if no grant covers it, after one check of the cache', async () => {
    await expect(call()).rejects.toMatchObject({ code: 'GrantRequired' });
    expect(server.requests).toEqual(['GET actiongrant']);
  });

  it('if its nonce is on record', async () => {
    server.put(usable());
    server.put(
      aGrant({
        metadata: { name: 'other' },
        status: anInUseStatus({ uses: [aUse({ id: 'nonce-1' })] }),
      }),
    );
    await expect(call('nonce-1')).rejects.toMatchObject({ code: 'AlreadyUsed' });
    expect(server.requests).toEqual([]);
  });

  it('if the same message is being worked on', async () => {
    server.put(usable());
    const issue = hold(isIssue);
    const first = call('nonce-1');
    await issue.held;
    await expect(call('nonce-1')).rejects.toMatchObject({ code: 'AlreadyUsed' });
    issue.release();
    expect((await first).nonce).toBe('nonce-1');
  });

  it('if its grants get no credential', async () => {
    server.put(usable());
    server.secrets.clear();
    await expect(call()).rejects.toMatchObject({ code: 'CredentialRefused' });
    expect(server.statusOf(NAME).phase).toBe('Approved');
  });

  it('after so many conflicts', async () => {
    server.put(usable());
    server.intercept = (request) => {
      if (isWrite(request)) server.writeElsewhere(NAME, server.statusOf(NAME));
      return false;
    };
    await expect(call()).rejects.toMatchObject({ code: 'UseRaced' });
    expect(server.requests.filter((each) => each === 'PUT status')).toHaveLength(MAX_CONFLICTS);
    expect(await server.registry.metrics()).toContain(
      `actiongrant_consume_conflicts_total ${MAX_CONFLICTS}`,
    );
  });

  it('after an ambiguous write, though there is another grant', async () => {
    server.put(usable('first', 'secret-1'));
    server.put(usable('second', 'secret-2'));
    server.intercept = (request) => {
      if (isWrite(request)) request.socket.destroy();
      return isWrite(request);
    };
    await expect(call()).rejects.toMatchObject({ code: 'OutcomeAmbiguous', retryable: true });
    expect(server.requests.filter((each) => each === 'PUT status')).toHaveLength(1);
    expect(handedOver).toEqual([]);
    expect(await server.registry.metrics()).toContain('actiongrant_ambiguous_writes_total 1');
  });

  it('if its caller has gone before the grant is consumed', async () => {
    server.put(usable());
    const issue = hold(isIssue);
    const caller = new AbortController();
    const answer = call('nonce-1', caller);
    await issue.held;
    caller.abort();
    issue.release();
    await expect(answer).rejects.toMatchObject({ code: 'UseRaced' });
    expect(server.requests).not.toContain('PUT status');
    expect(server.statusOf(NAME).phase).toBe('Approved');
  });

  it('if its time is over while it waits for another call', async () => {
    server.put(usable());
    const issue = hold(isIssue);
    const first = call();
    await issue.held;
    const second = expect(call()).rejects.toMatchObject({ code: 'UseRaced' });
    await server.clock.advance(10_000);
    await second;
    issue.release();
    await expect(first).rejects.toMatchObject({ code: 'UseRaced' });
  });

  it('retryably where the API server does not answer', async () => {
    server.put(usable());
    server.intercept = ({ socket }) => {
      socket.destroy();
      return true;
    };
    await expect(call()).rejects.toMatchObject({ code: 'KubernetesUnavailable', retryable: true });
  });
});

describe('several calls at once', () => {
  it('of one replica mint once for one grant: the second waits, and is refused', async () => {
    server.put(usable());
    const issue = hold(isIssue);
    const first = call();
    await issue.held;
    const second = expect(call()).rejects.toMatchObject({ code: 'GrantRequired' });
    issue.release();
    await first;
    await second;
    expect(server.requests.filter((each) => each === 'POST token')).toHaveLength(1);
  });

  it('take a grant each', async () => {
    server.put(usable('first', 'secret-1'));
    server.put(usable('second', 'secret-2'));
    const answers = await Promise.all([call(), call()]);
    expect(answers.map(({ grant }) => grant.name).sort()).toEqual(['first', 'second']);
    await eventually(() => expect(handedOver).toHaveLength(2));
  });
});
