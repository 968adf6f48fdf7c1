import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { issueAuthority, type KeyPair } from '../../../../controller/certificates/authority.ts';
import { createServingCertificate } from '../../../../controller/certificates/serving.ts';
import type { Logger } from '../../../../process/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const HOUR = 3_600_000;

let clock: FakeClock;
let a: KeyPair;
let b: KeyPair;
let server: Server;

beforeAll(async () => {
  const now = new FakeClock().now();
  [a, b] = await Promise.all([issueAuthority(now), issueAuthority(now)]);
});
beforeEach(async () => {
  clock = new FakeClock();
  server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const aCertificate = () =>
  createServingCertificate({ names: ['controller.test'], clock, log: silent });

/** The certificate that a new connection is shown, PEM. */
async function shown(): Promise<string | undefined> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const pem = socket.getPeerX509Certificate()?.toString();
  socket.destroy();
  return pem;
}

test('before the first renewal nothing is ready', () => {
  const certificate = aCertificate();
  expect(certificate.isReady()).toBe(false);
  expect(certificate.expirations()).toEqual([]);
  expect(() => certificate.required()).toThrow('NotReady');
  expect(() => certificate.attach(server)).toThrow('NotReady');
});

test('a renewal gives servers their certificate at once', async () => {
  const certificate = aCertificate();
  await certificate.renew(a, a.pem);
  certificate.attach(server);
  const first = certificate.required().certificate.pem;
  expect(await shown()).toBe(first);
  await certificate.renew(b, b.pem);
  expect(certificate.required().certificate.pem).not.toBe(first);
  expect(await shown()).toBe(certificate.required().certificate.pem);
});

test.for<[what: string, hours: number, authority: () => KeyPair, renewed: boolean]>([
  ['is kept while it is young', 15, () => a, false],
  ['is renewed when two thirds of it are over', 16.1, () => a, true],
  ['is renewed when another authority signs', 1, () => b, true],
])('a certificate %s', async ([_, hours, authority, renewed]) => {
  const certificate = aCertificate();
  await certificate.renew(a, a.pem);
  const { pem } = certificate.required().certificate;
  await clock.advance(hours * HOUR);
  await certificate.renew(authority(), 'the new bundle');
  expect(certificate.required().certificate.pem !== pem).toBe(renewed);
  expect(certificate.required().bundle).toBe('the new bundle');
});

test('a certificate is ready until it ends, and says when that is', async () => {
  const certificate = aCertificate();
  await certificate.renew(a, a.pem);
  const ends = Object.fromEntries(
    certificate.expirations().map(({ name, notAfter }) => [name, notAfter]),
  );
  expect(ends).toEqual({
    authority: a.notAfter,
    serving: clock.now() + 24 * HOUR - (clock.now() % 1000),
  });
  await clock.advance(23 * HOUR);
  expect(certificate.isReady()).toBe(true);
  await clock.advance(HOUR);
  expect(certificate.isReady()).toBe(false);
});
