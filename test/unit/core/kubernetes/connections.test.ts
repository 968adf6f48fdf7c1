import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { failure, object, read } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

describe('credentials', () => {
  it('that cannot be read are told at once', async () => {
    const server = {
      type: 'InCluster',
      host: '127.0.0.1',
      port: stub.port,
      directory: '/nonexistent',
    } as const;
    await expect(stub.client({ server })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('with a CA that is none are told at once, without what the file holds', async () => {
    stub.writeCa('what-the-file-holds');
    const error: unknown = await stub.client().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CA_NOT_PEM' });
    expect(String(error)).not.toContain('what-the-file-holds');
  });

  it('are read again after a minute', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ clock });
    await read(client);
    stub.writeToken('token-2');
    await clock.advance(59_000);
    await read(client);
    await clock.advance(2_000);
    await eventually(async () => {
      await read(client);
      expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-2');
    });
    expect(stub.requests[1]?.headers.authorization).toBe('Bearer token-1');
    expect(stub.connections).toBe(1);
  });

  it('are read again at once when they are refused', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 401, status(401, 'Unauthorized'));
    const client = await stub.client({ clock });
    await failure(read(client));
    stub.writeToken('token-2');
    await clock.advance(1_000);
    stub.handler = (_request, response) => answer(response, 200, object);
    await read(client);
    expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-2');
  });

  it('stay in use while the file cannot be read', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ clock });
    await read(client);
    stub.writeCa('');
    await clock.advance(120_000);
    await read(client);
    expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-1');
  });
});
