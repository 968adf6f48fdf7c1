import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProblemError } from '../../../core/api/problem.ts';
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
    podName: undefined,
    transparent: undefined,
    trustBundle: undefined,
    connectTo: new Map(),
    privateDestinations: [],
    inertHeaders: [],
    caOutputFile: '/run/actiongrant/ca.crt',
    useWaitMilliseconds: 5_000,
    logLevel: 'info',
    settingsIgnored: [],
  });
});

it('what an operator may add is read', () => {
  const config = readSidecarConfig({
    ...valid,
    ACTIONGRANT_KUBERNETES_AUTHORITIES: 'api.example.com:6443,[fd00::1]:443',
    ACTIONGRANT_CONNECT_TO: 'edr.example.com:443=127.0.0.1:8443',
    ACTIONGRANT_INERT_HEADERS: 'x-team,x-build',
    ACTIONGRANT_PRIVATE_DESTINATIONS: 'git.corp.example.com,*.lab.example.com,10.20.0.0/16,fd12::1',
    ACTIONGRANT_TRUST_BUNDLE: ca,
    ACTIONGRANT_LOG_LEVEL: 'debug',
  });
  expect(config.kubernetes.authorities.slice(-2)).toEqual([
    'api.example.com:6443',
    '[fd00::1]:443',
  ]);
  expect(config.connectTo).toEqual(new Map([['edr.example.com:443', '127.0.0.1:8443']]));
  expect(config.inertHeaders).toEqual(['x-team', 'x-build']);
  expect(config.privateDestinations).toEqual([
    { kind: 'Host', host: 'git.corp.example.com' },
    { kind: 'Domain', suffix: '.lab.example.com' },
    { kind: 'Network', address: '10.20.0.0', prefix: 16 },
    { kind: 'Network', address: 'fd12::1', prefix: 128 },
  ]);
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
      'a network that is none',
      { ACTIONGRANT_PRIVATE_DESTINATIONS: '10.0.0.0/33' },
      'ACTIONGRANT_PRIVATE_DESTINATIONS must be a host in lower case, "*." and a domain, or a network such as 10.20.0.0/16, not "10.0.0.0/33"',
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
      'a port of the API server that is none',
      { KUBERNETES_SERVICE_HOST: '10.0.0.2', KUBERNETES_SERVICE_PORT: 'tcp://10.0.0.2:443' },
      'KUBERNETES_SERVICE_PORT must be an integer from 1 to 65535, not "tcp://10.0.0.2:443"',
    ],
    [
      'a host of the API server in another spelling',
      { KUBERNETES_SERVICE_HOST: 'FD00::1' },
      'KUBERNETES_SERVICE_HOST must be a host in lower case (IPv6 as in RFC 5952), not "FD00::1"',
    ],
    [
      'a place of the API server that would have to be resolved',
      { ACTIONGRANT_KUBERNETES_SERVER: 'api.example.com:6443' },
      'ACTIONGRANT_KUBERNETES_SERVER must be an IP address with a port, not "api.example.com:6443"',
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
    expect(complaints(overrides)).toEqual([
      `ACTIONGRANT_KUBERNETES_AUTHORITIES must be host:port in lower case (IPv6 as in RFC 5952), not "${authority}"`,
    ]);
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

describe('the settings of the controller', () => {
  const settings = join(directory, 'settings');
  const own: Environment = {
    ACTIONGRANT_SETTINGS: settings,
    ACTIONGRANT_POD_NAMESPACE: 'soc',
    ACTIONGRANT_POD_NAME: 'agent-0',
    ACTIONGRANT_SERVICE_ACCOUNT: 'incident-agent',
    KUBERNETES_SERVICE_HOST: 'fd00::1',
    KUBERNETES_SERVICE_PORT: '6443',
  };
  const common = {
    ACTIONGRANT_CONTROLLER_URLS: 'https://actiongrant.actiongrant-system.svc:8443',
    ACTIONGRANT_CONTROLLER_CA: ca,
    ACTIONGRANT_KUBERNETES_CA: ca,
    ACTIONGRANT_TOKEN: token,
    ACTIONGRANT_KUBERNETES_SERVER: '10.0.0.1:443',
    ACTIONGRANT_TRANSPARENT_LISTEN: '127.0.0.1:15006,[::1]:15006',
    ACTIONGRANT_DNS_LISTEN: '127.0.0.1:15053,[::1]:15053',
    ACTIONGRANT_STATE_DIRECTORY: '/run/actiongrant/state',
    ACTIONGRANT_AGENT_DIRECTORY: '/run/actiongrant/agent',
    ACTIONGRANT_LOG_LEVEL: 'debug',
  };

  /** Writes the directory anew. */
  function write(values: unknown = common): void {
    rmSync(settings, { recursive: true, force: true });
    mkdirSync(settings);
    const text = typeof values === 'string' ? values : JSON.stringify(values);
    writeFileSync(join(settings, 'settings.json'), text);
  }
  const read = (environment: Environment = {}) => readSidecarConfig({ ...own, ...environment });

  function settingsComplaints(environment: Environment = {}): string[] {
    try {
      read(environment);
      return [];
    } catch (error) {
      if (error instanceof ProblemError) return error.detail.split('; ');
      throw error;
    }
  }

  it('and what the injector sets are enough', () => {
    write();
    const config = read();
    expect(config).toMatchObject({
      controllerURLs: ['https://actiongrant.actiongrant-system.svc:8443'],
      controllerCAFile: ca,
      tokenFile: token,
      agent: { namespace: 'soc', serviceAccountName: 'incident-agent' },
      podName: 'agent-0',
      caOutputFile: undefined,
      trustBundle: undefined,
      transparent: {
        listen: [
          { host: '127.0.0.1', port: 15_006 },
          { host: '::1', port: 15_006 },
        ],
        dnsListen: [
          { host: '127.0.0.1', port: 15_053 },
          { host: '::1', port: 15_053 },
        ],
        stateDirectory: '/run/actiongrant/state',
        agentDirectory: '/run/actiongrant/agent',
      },
      logLevel: 'debug',
    });
    expect(config.kubernetes).toMatchObject({ server: '10.0.0.1:443', ca: pem });
    // Where the kubelet says it is counts too.
    expect(config.kubernetes.authorities).toContain('[fd00::1]:6443');
  });

  it("come after the process's own environment, but not after an empty variable", () => {
    write();
    expect(read({ ACTIONGRANT_LOG_LEVEL: 'warn' }).logLevel).toBe('warn');
    expect(read({ ACTIONGRANT_LOG_LEVEL: '' }).logLevel).toBe('debug');
  });

  it('may be of a newer release: what this one does not know is named and ignored', () => {
    write({ ...common, ACTIONGRANT_NEXT: 'x', ACTIONGRANT_AFTER: '' });
    const config = read();
    expect(config.settingsIgnored).toEqual(['ACTIONGRANT_NEXT', 'ACTIONGRANT_AFTER']);
    write();
    expect({ ...config, settingsIgnored: [] }).toEqual(read());
  });

  it("do not excuse a typing error in the process's own environment", () => {
    write({ ...common, ACTIONGRANT_NEXT: 'x' });
    expect(settingsComplaints({ ACTIONGRANT_NEXT: 'y' })).toEqual([
      'ACTIONGRANT_NEXT is not a known setting',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'settings.json cannot be used'],
    ['no object', [], 'it is no JSON object'],
    ['null', null, 'it is no JSON object'],
    ['a number', { ...common, ACTIONGRANT_LOG_LEVEL: 1 }, 'ACTIONGRANT_LOG_LEVEL is no string'],
    ['what is no setting', { ...common, NODE_OPTIONS: '' }, 'no setting of the sidecar'],
    ['another directory', { ...common, ACTIONGRANT_SETTINGS: '/x' }, 'no setting of the sidecar'],
    [
      'half of interception',
      { ...common, ACTIONGRANT_DNS_LISTEN: '' },
      'ACTIONGRANT_DNS_LISTEN is needed with the other settings of interception',
    ],
    [
      'an address without a port',
      { ...common, ACTIONGRANT_TRANSPARENT_LISTEN: '127.0.0.1:15006,::1' },
      'ACTIONGRANT_TRANSPARENT_LISTEN must be host:port, not "::1"',
    ],
  ])('are refused when they are, or have, %s', (_, values, complaint) => {
    write(values);
    expect(settingsComplaints().join('; ')).toContain(complaint);
  });

  it('are refused when they are not there', () => {
    rmSync(settings, { recursive: true, force: true });
    expect(settingsComplaints().join('; ')).toContain(
      'ACTIONGRANT_SETTINGS names a directory whose settings.json cannot be used (ENOENT',
    );
  });
});
