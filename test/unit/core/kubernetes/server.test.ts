import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkAccess, serverAccessReader } from '../../../../core/kubernetes/server.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'actiongrant-server-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const encoded = (text: string) => Buffer.from(text).toString('base64');

describe('a pod', () => {
  const readerIn = (host: string) =>
    serverAccessReader({ type: 'InCluster', host, port: 443, directory });

  test('uses its token and CA as they are now', async () => {
    writeFileSync(join(directory, 'token'), 'first\n');
    writeFileSync(join(directory, 'ca.crt'), 'CA');
    const read = await readerIn('10.96.0.1');
    expect(await read()).toEqual({
      origin: 'https://10.96.0.1:443',
      basePath: '',
      tls: { ca: Buffer.from('CA') },
      headers: { authorization: 'Bearer first' },
    });
    writeFileSync(join(directory, 'token'), 'second');
    expect((await read()).headers).toEqual({ authorization: 'Bearer second' });
  });

  test('reaches an IPv6 address', async () => {
    writeFileSync(join(directory, 'token'), 't');
    writeFileSync(join(directory, 'ca.crt'), 'CA');
    expect((await (await readerIn('fd00::1'))()).origin).toBe('https://[fd00::1]:443');
  });

  test('without a token is an error with a code', async () => {
    await expect((await readerIn('10.96.0.1'))()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a kubeconfig', () => {
  const pathOf = (user: object, cluster: object = {}, more: object = {}): string => {
    const path = join(directory, 'kubeconfig');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
      ...more,
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  };
  const accessOf = async (path: string, context?: string) => {
    const server = { type: 'Kubeconfig', path, ...(context && { context }) } as const;
    return (await serverAccessReader(server))();
  };

  test('gives the server, its CA and a token', async () => {
    const path = pathOf({ token: 't' }, { 'certificate-authority-data': encoded('CA') });
    expect(await accessOf(path)).toEqual({
      origin: 'https://api.example:6443',
      basePath: '',
      tls: { ca: Buffer.from('CA') },
      headers: { authorization: 'Bearer t' },
    });
  });

  test('gives a client certificate', async () => {
    const user = {
      'client-certificate-data': encoded('CERT'),
      'client-key-data': encoded('KEY'),
    };
    const { tls, headers } = await accessOf(pathOf(user));
    expect(tls).toMatchObject({ cert: Buffer.from('CERT'), key: Buffer.from('KEY') });
    expect(headers).toEqual({});
  });

  test('runs an exec plugin for a token', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'plugged' },
    };
    const program = `process.stdout.write(${JSON.stringify(JSON.stringify(credential))})`;
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', program],
      interactiveMode: 'Never',
    };
    expect((await accessOf(pathOf({ exec }))).headers).toEqual({
      authorization: 'Bearer plugged',
    });
  });

  test.for<[what: string, cluster: object, access: object]>([
    ['a path', { server: 'https://proxy.example/k8s/c-1/' }, { basePath: '/k8s/c-1' }],
    [
      'a proxy',
      { 'proxy-url': 'http://proxy.example:3128' },
      { proxyUrl: 'http://proxy.example:3128' },
    ],
    [
      'a server name',
      { 'tls-server-name': 'kubernetes' },
      { tls: expect.objectContaining({ servername: 'kubernetes' }) },
    ],
    [
      'a server that is not verified',
      { 'insecure-skip-tls-verify': true },
      { tls: expect.objectContaining({ rejectUnauthorized: false }) },
    ],
  ])('may name %s', async ([_, cluster, access]) => {
    expect(await accessOf(pathOf({ token: 't' }, cluster))).toMatchObject(access);
  });

  test('is used with the context that was asked for', async () => {
    const path = pathOf(
      { token: 't' },
      {},
      {
        clusters: [
          { name: 'c', cluster: { server: 'https://api.example' } },
          { name: 'other', cluster: { server: 'https://other.example' } },
        ],
        contexts: [
          { name: 'x', context: { cluster: 'c', user: 'u' } },
          { name: 'y', context: { cluster: 'other', user: 'u' } },
        ],
      },
    );
    expect((await accessOf(path, 'y')).origin).toBe('https://other.example');
  });

  test('without a cluster is an error', async () => {
    const path = pathOf({ token: 't' }, {}, { contexts: [], 'current-context': '' });
    await expect(accessOf(path)).rejects.toThrow('names no cluster');
  });

  test('with a SOCKS proxy is refused', async () => {
    const path = pathOf({ token: 't' }, { 'proxy-url': 'socks5://proxy.example:1080' });
    await expect(accessOf(path)).rejects.toThrow('SOCKS');
  });
});

test('a CA without any certificate is told at once, without what it holds', () => {
  const access = { origin: 'https://a', basePath: '', headers: {} };
  expect(() => checkAccess({ ...access, tls: { ca: 'hunter2' } })).toThrow(
    expect.objectContaining({ code: 'CA_NOT_PEM', message: 'the CA holds no certificate' }),
  );
  checkAccess({ ...access, tls: {} });
});
