import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secrets } from '../../../../core/kubernetes/resources.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';
import { failure, metadata, reference } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

describe('delete', () => {
  const uid = '11111111-1111-4111-8111-111111111111';
  const other = '22222222-2222-4222-8222-222222222222';
  const conflict = (message: string) => status(409, 'Conflict', message);
  const precondition = `Operation cannot be fulfilled on secrets "a": Precondition failed: UID in precondition: ${uid}, UID in object meta: `;

  const record = (found: string) =>
    `Operation cannot be fulfilled on Secret "a": the UID in the precondition (${uid}) does not match the UID in record (${found}). The object might have been deleted and then recreated`;

  it.each([
    [200, { kind: 'Status', status: 'Success' }, 'deleted'],
    [404, status(404, 'NotFound'), 'notFound'],
    [409, conflict(precondition + other), 'uidMismatch'],
    [409, conflict(record(other)), 'uidMismatch'],
    [200, { kind: 'Secret', metadata: { ...metadata, deletionTimestamp: 'x' } }, 'terminating'],
    [202, { kind: 'Secret', metadata }, 'terminating'],
    [200, { kind: 'Status', status: 'Failure' }, 'terminating'],
  ])('answered %i %j is %s', async (code, body, result) => {
    stub.handler = (_request, response) => answer(response, code, body);
    expect(await (await stub.client()).delete(secrets, reference, { uid })).toBe(result);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      apiVersion: 'meta/v1',
      kind: 'DeleteOptions',
      preconditions: { uid },
    });
  });

  it.each([
    ['of another kind', 'the object is being deleted'],
    ['that names another precondition', precondition.replace(uid, other) + uid],
    ['that names the same UID', precondition + uid],
    ['that finds the same UID', record(uid)],
    ['that goes on after the UID', `${precondition}${other} or so`],
  ])('takes a conflict %s for no deletion', async (_name, message) => {
    stub.handler = (_request, response) => answer(response, 409, conflict(message));
    const error = await failure((await stub.client()).delete(secrets, reference, { uid }));
    expect(error.kind).toBe('Conflict');
  });

  it('never becomes the deletion of a collection', async () => {
    const client = await stub.client();
    for (const name of ['', '.', '..']) {
      const error = await failure(client.delete(secrets, { namespace: 'soc', name }));
      expect(error.kind).toBe('BadRequest');
    }
    expect((await failure(client.delete(secrets, { name: 'a' }))).kind).toBe('BadRequest');
    expect(stub.requests).toHaveLength(0);
  });
});
