import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issueAuthority, type KeyPair } from '../../../../controller/certificates/authority.ts';
import type { Authorities } from '../../../../controller/certificates/plan.ts';
import { readAuthorities, writeAuthorities } from '../../../../controller/certificates/store.ts';
import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import { StubApiServer } from '../../../support/stub-api-server.ts';
import { NAMESPACE, SECRET, StoredObjects } from './stored-objects.ts';

let a: KeyPair;
let b: KeyPair;
beforeAll(async () => {
  [a, b] = await Promise.all([issueAuthority(Date.now()), issueAuthority(Date.now())]);
});

let stub: StubApiServer;
let objects: StoredObjects;
let client: KubernetesClient;
beforeEach(async () => {
  stub = await StubApiServer.start();
  objects = new StoredObjects(stub);
  client = await stub.client();
});
afterEach(() => stub[Symbol.asyncDispose]());

const read = () => readAuthorities(client, NAMESPACE);
const pems = ({ active, next, previous }: Authorities) =>
  [active, next, previous].map((certificate) => certificate?.pem);

describe('authorities', () => {
  test('that nobody wrote are none', async () => {
    expect(await read()).toBeNull();
  });

  test.for<[what: string, of: () => Authorities]>([
    ['alone', () => ({ active: a })],
    ['with its successor', () => ({ active: a, next: b })],
    ['with its predecessor', () => ({ active: b, previous: a })],
  ])('are read as they were written: the active one %s', async ([_, of]) => {
    expect(await writeAuthorities(client, NAMESPACE, of(), null)).toBe(true);
    const stored = await read();
    expect(stored && pems(stored.authorities)).toEqual(pems(of()));
    expect(stored?.authorities.active.key.reveal()).toBe(of().active.key.reveal());
  });

  test('are replaced by who read them last', async () => {
    await writeAuthorities(client, NAMESPACE, { active: a }, null);
    const stored = await read();
    expect(await writeAuthorities(client, NAMESPACE, { active: b }, stored)).toBe(true);
    expect(await writeAuthorities(client, NAMESPACE, { active: a }, stored)).toBe(false);
    expect((await read())?.authorities.active.pem).toBe(b.pem);
  });

  test('are not written over what somebody else made or deleted in between', async () => {
    await writeAuthorities(client, NAMESPACE, { active: a }, null);
    expect(await writeAuthorities(client, NAMESPACE, { active: b }, null)).toBe(false);
    const stored = await read();
    objects.delete(SECRET);
    expect(await writeAuthorities(client, NAMESPACE, { active: b }, stored)).toBe(false);
  });
});

describe('a Secret of that name with something else in it is an error that says what to do', () => {
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  test.for<[what: string, data: () => Record<string, string>]>([
    ['nothing', () => ({})],
    ['another text', () => ({ 'tls.crt': encoded('theirs'), 'tls.key': encoded('theirs') })],
    [
      'the key of another authority',
      () => ({ 'tls.crt': encoded(a.pem), 'tls.key': encoded(b.key.reveal()) }),
    ],
    [
      'a successor without its key',
      () => ({
        'tls.crt': encoded(a.pem),
        'tls.key': encoded(a.key.reveal()),
        'next.crt': encoded(b.pem),
      }),
    ],
  ])('%s', async ([_, data]) => {
    objects.put(SECRET, { data: data() });
    await expect(read()).rejects.toMatchObject({
      code: 'ConfigurationInvalid',
      detail: expect.stringContaining(`The Secret ${NAMESPACE}/actiongrant-ca does not hold`),
    });
  });
});
