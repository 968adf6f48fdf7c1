import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProblemError } from '../../../api/problem.ts';
import type { Environment } from '../../../process/config.ts';
import { readSidecarConfig } from '../../../sidecar/config.ts';
import { createAuthority } from '../../support/pki.ts';

const directory = mkdtempSync(join(tmpdir(), 'actiongrant-config-'));
const ca = join(directory, 'ca.crt');
const token = join(directory, 'token');
const broken = join(directory, 'broken');
let pem: string;
let valid: Environment;

beforeAll(async () => {
  pem = (await createAuthority('a CA')).certificate;
  writeFileSync(ca, pem);
  writeFileSync(token, 'aaa.bbb.ccc\n');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n');
  valid = {
    ACTIONGRANT_CONTROLLER_URLS: 'https://actiongrant.actiongrant-system.svc:8443',
    ACTIONGRANT_CONTROLLER_CA: ca,
    ACTIONGRANT_TOKEN: token,
    ACTIONGRANT_POD_NAMESPACE: 'soc',
    ACTIONGRANT_SERVICE_ACCOUNT: 'incident-agent',
    ACTIONGRANT_KUBERNETES_SERVER: '10.0.0.1:443',
    ACTIONGRANT_KUBERNETES_CA: ca,
    ACTIONGRANT_CA_OUTPUT: '/run/actiongrant/ca.crt',
  };
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What is wrong, each with the name of its variable; empty: nothing. */
function complaints(overrides: Environment = {}): string[] {
  try {
    readSidecarConfig({ ...valid, ...overrides });
    return [];
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'ConfigurationInvalid') {
      return error.detail.split('; ');
    }
    throw error;
  }
}

it('what the injector sets is enough', () => {
  expect(readSidecarConfig(valid)).toEqual({
    listen: { host: '127.0.0.1', port: 15_001 },
    operationsListen: { host: '127.0.0.1', port: 15_020 },
    controllerURLs: ['https://actiongrant.actiongrant-system.svc:8443'],
    controllerCAFile: ca,
    tokenFile: token,
    agent: { namespace: 'soc', serviceAccountName: 'incident-agent' },
    kubernetes: {
      authorities: [
        '10.0.0.1:443',
        'kubernetes:443',
        'kubernetes.default:443',
        'kubernetes.default.svc:443',
        'kubernetes.default.svc.cluster.local:443',
      ],
      server: '10.0.0.1:443',
      ca: pem,
    },
    trustBundle: undefined,
    connectTo: new Map(),
    inertHeaders: [],
    caOutputFile: '/run/actiongrant/ca.crt',
    useWaitMilliseconds: 5_000,
    logLevel: 'info',
  });
});

it('what an operator may add is read', () => {
  const config = readSidecarConfig({
    ...valid,
    ACTIONGRANT_KUBERNETES_AUTHORITIES: 'api.example.com:6443,[fd00::1]:443',
    ACTIONGRANT_CONNECT_TO: 'edr.example.com:443=127.0.0.1:8443',
    ACTIONGRANT_INERT_HEADERS: 'x-team,x-build',
    ACTIONGRANT_TRUST_BUNDLE: ca,
    ACTIONGRANT_LOG_LEVEL: 'debug',
  });
  expect(config.kubernetes.authorities.slice(-2)).toEqual([
    'api.example.com:6443',
    '[fd00::1]:443',
  ]);
  expect(config.connectTo).toEqual(new Map([['edr.example.com:443', '127.0.0.1:8443']]));
  expect(config.inertHeaders).toEqual(['x-team', 'x-build']);
  expect(config.trustBundle).toBe(pem);
  expect(config.logLevel).toBe('debug');
});

it('everything that is missing is named together, each once', () => {
  const required = Object.keys(valid);
  const without = Object.fromEntries(required.map((name) => [name, undefined]));
  const found = complaints(without);
  for (const name of required) {
    expect(found.filter((complaint) => complaint === `${name} is required`)).toHaveLength(1);
  }
});

describe('a setting that would fail later is refused at the start', () => {
  it.each<[string, Environment, string]>([
    [
      'clear text to the controller',
      { ACTIONGRANT_CONTROLLER_URLS: 'http://a' },
      'ACTIONGRANT_CONTROLLER_URLS must be https://host[:port], not "http://a"',
    ],
    [
      'a path after the controller',
      { ACTIONGRANT_CONTROLLER_URLS: 'https://a/' },
      'ACTIONGRANT_CONTROLLER_URLS must be https://host[:port], not "https://a/"',
    ],
    [
      'a header in capitals',
      { ACTIONGRANT_INERT_HEADERS: 'X-Team' },
      'ACTIONGRANT_INERT_HEADERS must be lower case, not "X-Team"',
    ],
    [
      'no time to wait',
      { ACTIONGRANT_USE_WAIT_MILLISECONDS: '0' },
      'ACTIONGRANT_USE_WAIT_MILLISECONDS must be an integer from 100 to 60000, not "0"',
    ],
    [
      'an unknown level',
      { ACTIONGRANT_LOG_LEVEL: 'trace' },
      'ACTIONGRANT_LOG_LEVEL must be one of debug, info, warn, error, not "trace"',
    ],
    [
      'a typing error',
      { ACTIONGRANT_INERT_HEADER: 'x' },
      'ACTIONGRANT_INERT_HEADER is not a known setting',
    ],
  ])('%s', (_, overrides, complaint) => {
    expect(complaints(overrides)).toEqual([complaint]);
  });

  // Authorities are compared as text: one in another spelling would let the API server pass as any other host.
  it.each([
    'api.example.com',
    'API.example.com:6443',
    'api.example.com.:6443',
    'api.example.com:06443',
    '0x7f.1:443',
    '[FD00::1]:443',
    '[fd00:0:0:0:0:0:0:1]:443',
    'https://api.example.com:6443',
  ])('the authority %s, which no call is ever compared with', (authority) => {
    const overrides = { ACTIONGRANT_KUBERNETES_AUTHORITIES: authority };
    expect(complaints(overrides).join()).toContain(`not "${authority}"`);
  });

  it.each<[string, Environment]>([
    ['the CA of the controller', { ACTIONGRANT_CONTROLLER_CA: broken }],
    ['the CA of the API server', { ACTIONGRANT_KUBERNETES_CA: broken }],
    ['the trust bundle', { ACTIONGRANT_TRUST_BUNDLE: broken }],
    ['the token', { ACTIONGRANT_TOKEN: broken }],
  ])('%s, when its file holds something else, without showing it', (_, overrides) => {
    const [name = ''] = Object.keys(overrides);
    const found = complaints(overrides);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${name} names a file that does not hold`);
    expect(found[0]).not.toContain('hunter2');
  });

  it('a file that is not there', () => {
    const [complaint] = complaints({ ACTIONGRANT_KUBERNETES_CA: join(directory, 'none') });
    expect(complaint).toContain('ACTIONGRANT_KUBERNETES_CA names a file that cannot be read');
  });
});
