import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { failure, write } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

describe('the text of an error', () => {
  it('is never a body that is no Status', async () => {
    stub.handler = (_request, response) => response.writeHead(502).end('secret of a proxy');
    const error = await failure(write(await stub.client()));
    expect(error.message).toBe('HTTP 502 without a Status');
  });

  it('is bounded, printable and without tokens', async () => {
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln';
    const message = `bad\u0000 \u202e${jwt} ${'x'.repeat(5000)}`;
    stub.handler = (_request, response) => answer(response, 422, status(422, 'Invalid', message));
    const error = await failure(write(await stub.client()));
    expect(error.message.length).toBeLessThanOrEqual(512);
    expect(error.message).toMatch(/^bad \[redacted\] x+…$/);
  });
});
