/** Settings of the sidecar. The injected pod spec sets them; each is checked at start. */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { API_SERVER_NAMES } from '../core/api/names.ts';
import { SETTINGS_FILES } from '../core/api/pod-layout.ts';
import { isRecord } from '../core/text/json.ts';
import { CERTIFICATES } from '../core/text/pem.ts';
import { parseAuthority, withBrackets, withoutBrackets } from '../core/text/url.ts';
import { ConfigReader, type Environment, type FileContent } from '../process/config.ts';
import { LOG_LEVELS, type LogLevel } from '../process/log.ts';

export interface SidecarConfig {
  /** The explicit proxy. */
  listen: { host: string; port: number };
  /** Metrics and health, HTTP. */
  operationsListen: { host: string; port: number };
  /** Base URLs of the controller's exchange; tried in turn. */
  controllerURLs: string[];
  /** File with the PEM that verifies the controller; read again when it changes. */
  controllerCAFile: string;
  /** File with the pod-bound token for the controller; read again when it changes. */
  tokenFile: string;
  agent: { namespace: string; serviceAccountName: string };
  /** Of this pod, for the log. */
  podName: string | undefined;
  kubernetes: {
    /** `host:port` under which agents reach the API server. */
    authorities: string[];
    /** Where it really is: `host:port`. */
    server: string;
    /** PEM. */
    ca: string;
  };
  /** PEM of CAs trusted upstream besides the system's. */
  trustBundle: string | undefined;
  /** The operator's `host:port` → `address:port`. */
  connectTo: ReadonlyMap<string, string>;
  inertHeaders: string[];
  /** Where the pod CA's certificate is written, beside the agent's directory. */
  caOutputFile: string | undefined;
  /** Interception without the agent's knowing; undefined: the explicit proxy is all there is. */
  transparent: TransparentConfig | undefined;
  /** How long a call waits for the exchange, ms. */
  useWaitMilliseconds: number;
  logLevel: LogLevel;
  /** Names in the controller's settings that this version does not know: a newer controller writes for older sidecars, too. */
  settingsIgnored: string[];
}

export interface TransparentConfig {
  /** Where the packet filter redirects TCP to, on loopback. */
  listen: { host: string; port: number }[];
  /** Where it redirects questions to, UDP and TCP. */
  dnsListen: { host: string; port: number }[];
  /** Survives a restart of the sidecar, and only it can read there: the pod CA's key. */
  stateDirectory: string;
  /** What the agent's clients read: the pod CA's certificate and the like. */
  agentDirectory: string;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readSidecarConfig(environment: Environment): SidecarConfig {
  const settings = readSettings(environment[SETTINGS]);
  const reader = new ConfigReader(environment, settings.values);
  // Asked for above already: it says where the rest is.
  reader.optionalText(SETTINGS);
  if (settings.complaint !== undefined) reader.complain(SETTINGS, settings.complaint);
  const transparent = readTransparent(reader);
  const server = reader.text('ACTIONGRANT_KUBERNETES_SERVER');
  const furtherAuthorities = reader.list('ACTIONGRANT_KUBERNETES_AUTHORITIES');
  const config: SidecarConfig = {
    listen: reader.address('ACTIONGRANT_LISTEN', '127.0.0.1:15001'),
    operationsListen: reader.address('ACTIONGRANT_OPERATIONS_LISTEN', '127.0.0.1:15020'),
    controllerURLs: reader.list('ACTIONGRANT_CONTROLLER_URLS'),
    controllerCAFile: reader.text('ACTIONGRANT_CONTROLLER_CA'),
    tokenFile: reader.text('ACTIONGRANT_TOKEN'),
    agent: {
      namespace: reader.text('ACTIONGRANT_POD_NAMESPACE'),
      serviceAccountName: reader.text('ACTIONGRANT_SERVICE_ACCOUNT'),
    },
    podName: reader.optionalText('ACTIONGRANT_POD_NAME'),
    kubernetes: {
      authorities: [
        server,
        ...API_SERVER_NAMES.map((name) => `${name}:443`),
        ...kubernetesService(reader),
        ...furtherAuthorities,
      ],
      server,
      ca: reader.file('ACTIONGRANT_KUBERNETES_CA', CERTIFICATES),
    },
    trustBundle: reader.optionalFile('ACTIONGRANT_TRUST_BUNDLE', CERTIFICATES),
    connectTo: reader.map('ACTIONGRANT_CONNECT_TO'),
    inertHeaders: reader.lowerCaseList('ACTIONGRANT_INERT_HEADERS'),
    caOutputFile:
      transparent === undefined
        ? reader.text('ACTIONGRANT_CA_OUTPUT')
        : reader.optionalText('ACTIONGRANT_CA_OUTPUT'),
    transparent,
    useWaitMilliseconds: reader.integer(
      'ACTIONGRANT_USE_WAIT_MILLISECONDS',
      { min: 100, max: 60_000 },
      5_000,
    ),
    logLevel: reader.oneOf('ACTIONGRANT_LOG_LEVEL', LOG_LEVELS, 'info'),
    // By now, all that is known was asked for.
    settingsIgnored: reader.unreadDefaults(),
  };
  // Read again whenever they change; what is wrong with them now would otherwise show only in the first call.
  reader.file('ACTIONGRANT_CONTROLLER_CA', CERTIFICATES);
  reader.file('ACTIONGRANT_TOKEN', SERVICE_ACCOUNT_TOKEN);
  if (config.controllerURLs.length === 0) {
    reader.complain('ACTIONGRANT_CONTROLLER_URLS', 'is required');
  }
  for (const url of config.controllerURLs) {
    if (!/^https:\/\/[^/?#]+$/.test(url)) {
      reader.complain('ACTIONGRANT_CONTROLLER_URLS', `must be https://host[:port], not "${url}"`);
    }
  }
  checkAuthority(reader, 'ACTIONGRANT_KUBERNETES_SERVER', server);
  checkAddress(reader, 'ACTIONGRANT_KUBERNETES_SERVER', server);
  for (const authority of furtherAuthorities) {
    checkAuthority(reader, 'ACTIONGRANT_KUBERNETES_AUTHORITIES', authority);
  }
  for (const [from, to] of config.connectTo) {
    checkAuthority(reader, 'ACTIONGRANT_CONNECT_TO', from);
    checkAddress(reader, 'ACTIONGRANT_CONNECT_TO', to);
  }
  reader.finish();
  return config;
}

const SETTINGS = 'ACTIONGRANT_SETTINGS';

/** What the controller says to every pod alike. The pod's own environment comes before it. */
function readSettings(directory: string | undefined): {
  values: Record<string, string>;
  complaint?: string;
} {
  if (directory === undefined || directory === '') return { values: {} };
  const name = SETTINGS_FILES.settings;
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(directory, name), 'utf8'));
    return { values: settingsIn(parsed) };
  } catch (error) {
    const reason = (error as Error).message;
    return { values: {}, complaint: `names a directory whose ${name} cannot be used (${reason})` };
  }
}

/** @throws TypeError unless it is an object of our own settings, all of them text */
function settingsIn(parsed: unknown): Record<string, string> {
  if (!isRecord(parsed)) {
    throw new TypeError('it is no JSON object');
  }
  const entries = Object.entries(parsed).map(([name, value]: [string, unknown]) => {
    if (!name.startsWith('ACTIONGRANT_') || name === SETTINGS) {
      throw new TypeError('it has a member that is no setting of the sidecar');
    }
    if (typeof value !== 'string') throw new TypeError(`its member ${name} is no string`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

/** All four or none: each is of no use, or a gap, without the others. */
function readTransparent(reader: ConfigReader): TransparentConfig | undefined {
  const listen = reader.addresses('ACTIONGRANT_TRANSPARENT_LISTEN');
  const dnsListen = reader.addresses('ACTIONGRANT_DNS_LISTEN');
  const stateDirectory = reader.optionalText('ACTIONGRANT_STATE_DIRECTORY');
  const agentDirectory = reader.optionalText('ACTIONGRANT_AGENT_DIRECTORY');
  const given: readonly [name: string, isGiven: boolean][] = [
    ['ACTIONGRANT_TRANSPARENT_LISTEN', listen.length > 0],
    ['ACTIONGRANT_DNS_LISTEN', dnsListen.length > 0],
    ['ACTIONGRANT_STATE_DIRECTORY', stateDirectory !== undefined],
    ['ACTIONGRANT_AGENT_DIRECTORY', agentDirectory !== undefined],
  ];
  const missing = given.filter(([, isGiven]) => !isGiven).map(([name]) => name);
  if (missing.length === given.length) return undefined;
  for (const name of missing) {
    reader.complain(name, 'is needed with the other settings of interception');
  }
  if (stateDirectory === undefined || agentDirectory === undefined) return undefined;
  return { listen, dnsListen, stateDirectory, agentDirectory };
}

/** Where the kubelet tells every container that the API server is. */
function kubernetesService(reader: ConfigReader): string[] {
  const host = reader.optionalText('KUBERNETES_SERVICE_HOST');
  const port = reader.integer('KUBERNETES_SERVICE_PORT', { min: 1, max: 65_535 }, 443);
  if (host === undefined) return [];
  const authority = `${withBrackets(host)}:${port}`;
  if (!isAuthority(authority)) {
    const form = 'must be a host in lower case (IPv6 as in RFC 5952)';
    reader.complain('KUBERNETES_SERVICE_HOST', `${form}, not "${host}"`);
  }
  return [authority];
}

/** Where a name is pinned to, no name is resolved: it must be an address. */
function checkAddress(reader: ConfigReader, name: string, text: string): void {
  const host = /^(.+):[0-9]{1,5}$/.exec(text)?.[1] ?? '';
  if (isIP(withoutBrackets(host)) === 0) {
    reader.complain(name, `must be an IP address with a port, not "${text}"`);
  }
}

function checkAuthority(reader: ConfigReader, name: string, text: string): void {
  if (isAuthority(text)) return;
  reader.complain(name, `must be host:port in lower case (IPv6 as in RFC 5952), not "${text}"`);
}

/** Whether it is `host:port` as authorities are compared: another spelling would silently never match. */
function isAuthority(text: string): boolean {
  try {
    const { host, port } = parseAuthority(text, '');
    return port !== null && text === `${host}:${port}`;
  } catch {
    return false;
  }
}

const SERVICE_ACCOUNT_TOKEN: FileContent = {
  name: 'a ServiceAccount token',
  // RFC 7519 3: a JWT in compact form.
  isIn: (text) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text.trim()),
};
