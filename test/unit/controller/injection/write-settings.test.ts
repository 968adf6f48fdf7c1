import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type SettingsChange,
  settingsChange,
  writeSettings,
} from '../../../../controller/injection/write-settings.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const DATA = { 'settings.json': '{}', 'controller-ca.crt': 'one' };
const METADATA = { name: 'actiongrant-sidecar', uid: 'u', resourceVersion: '7' };
const REPLACE: SettingsChange = { type: 'Replace', uid: 'u', resourceVersion: '7' };

type ConfigMap = NonNullable<Parameters<typeof settingsChange>[0]>;

describe('the ConfigMap', () => {
  test.for<[change: SettingsChange, what: string, current: Partial<ConfigMap> | null]>([
    [{ type: 'Create' }, 'is not there', null],
    [{ type: 'None' }, 'is as it must be', { data: DATA }],
    [REPLACE, 'is empty', {}],
    [REPLACE, 'has another value', { data: { ...DATA, 'controller-ca.crt': 'evil' } }],
    [REPLACE, 'has one key more', { data: { ...DATA, 'trust.crt': 'evil' } }],
    [REPLACE, 'has one key less', { data: { 'settings.json': '{}' } }],
    [
      REPLACE,
      'has as many keys, another among them',
      { data: { 'settings.json': '{}', 'trust.crt': 'one' } },
    ],
    [REPLACE, 'has bytes besides', { data: DATA, binaryData: { 'trust.crt': 'ZXZpbA==' } }],
    [
      REPLACE,
      'is being deleted',
      { data: DATA, metadata: { ...METADATA, deletionTimestamp: '2026-11-30T12:00:00Z' } },
    ],
    [{ type: 'DeleteAndCreate', uid: 'u' }, 'is immutable', { data: DATA, immutable: true }],
    [{ type: 'DeleteAndCreate', uid: 'u' }, 'is immutable and wrong', { immutable: true }],
  ])('needs %j where it %s', ([change, , current]) => {
    expect(
      settingsChange(current === null ? null : { metadata: METADATA, ...current }, DATA),
    ).toEqual(change);
  });
});

describe('written', () => {
  let stub: StubApiServer;
  beforeEach(async () => {
    stub = await StubApiServer.start();
  });
  afterEach(() => stub[Symbol.asyncDispose]());

  const requests = () => stub.requests.map(({ method, path }) => `${method} ${path}`);
  const COLLECTION = '/api/v1/namespaces/soc/configmaps';
  const OBJECT = `${COLLECTION}/actiongrant-sidecar`;

  test('again after another replica wrote in between, from what is there then', async () => {
    let version = 1;
    stub.handler = ({ method }, response) => {
      const current = { metadata: { ...METADATA, resourceVersion: `${version}` }, data: {} };
      if (method === 'GET') return answer(response, 200, current);
      version += 1;
      return version < 3
        ? answer(response, 409, status(409, 'Conflict'))
        : answer(response, 200, current);
    };
    expect(await writeSettings(await stub.client(), 'soc', DATA)).toBe(true);
    expect(requests()).toEqual([
      `GET ${OBJECT}`,
      `PUT ${OBJECT}`,
      `GET ${OBJECT}`,
      `PUT ${OBJECT}`,
    ]);
    expect(JSON.parse(stub.requests[3]?.body ?? '')).toMatchObject({
      metadata: { resourceVersion: '2', uid: 'u' },
      data: DATA,
    });
  });

  test('a bounded number of times against somebody who never stops', async () => {
    stub.handler = ({ method }, response) =>
      method === 'GET'
        ? answer(response, 404, status(404, 'NotFound'))
        : answer(response, 409, status(409, 'AlreadyExists'));
    await expect(writeSettings(await stub.client(), 'soc', DATA)).rejects.toMatchObject({
      reason: 'AlreadyExists',
    });
    expect(stub.requests.filter(({ method }) => method === 'POST')).toHaveLength(6);
  });

  test('in the place of an immutable one, which is deleted as the object that was seen', async () => {
    stub.handler = ({ method }, response) => {
      const current = { metadata: METADATA, data: DATA, immutable: true };
      return answer(response, method === 'POST' ? 201 : 200, current);
    };
    expect(await writeSettings(await stub.client(), 'soc', DATA)).toBe(true);
    expect(requests()).toEqual([`GET ${OBJECT}`, `DELETE ${OBJECT}`, `POST ${COLLECTION}`]);
    expect(JSON.parse(stub.requests[1]?.body ?? '')).toMatchObject({
      preconditions: { uid: 'u' },
    });
  });

  test('not at all where another refusal says why, and where nothing is to be written', async () => {
    stub.handler = (_request, response) => answer(response, 403, status(403, 'Forbidden'));
    await expect(writeSettings(await stub.client(), 'soc', DATA)).rejects.toMatchObject({
      reason: 'Forbidden',
    });
    stub.handler = (_request, response) =>
      answer(response, 200, { metadata: METADATA, data: DATA });
    expect(await writeSettings(await stub.client(), 'soc', DATA)).toBe(false);
    expect(requests()).toEqual([`GET ${OBJECT}`, `GET ${OBJECT}`]);
  });
});
