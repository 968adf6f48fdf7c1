/** Settings of the sidecar. The injected pod spec sets them; each is checked at start. */

import { isIP } from 'node:net';
import { API_SERVER_NAMES } from '../core/api/names.ts';
import { CERTIFICATES } from '../core/text/pem.ts';
import {
  type PrivateDestination,
  parsePrivateDestination,
} from '../core/text/private-destination.ts';
import { parseAuthority, withBrackets, withoutBrackets } from '../core/text/url.ts';
import { ConfigReader, type Environment, type FileContent } from '../process/config.ts';
import { LOG_LEVELS, type LogLevel } from '../process/log.ts';
import { readSharedSettings, SETTINGS_VARIABLE } from './shared-settings.ts';

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
  /** Where names may lead to private addresses. */
  privateDestinations: PrivateDestination[];
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
  const shared = readSharedSettings(environment[SETTINGS_VARIABLE]);
  const reader = new ConfigReader(environment, shared.values);
  // Asked for above already: it says where the rest is.
  reader.optionalText(SETTINGS_VARIABLE);
  if (shared.complaint !== undefined) reader.complain(SETTINGS_VARIABLE, shared.complaint);
  const transparent = readTransparent(reader);
  const config: SidecarConfig = {
    listen: reader.address('ACTIONGRANT_LISTEN', '127.0.0.1:15001'),
    operationsListen: reader.address('ACTIONGRANT_OPERATIONS_LISTEN', '127.0.0.1:15020'),
    controllerURLs: readControllerURLs(reader),
    controllerCAFile: readFileName(reader, 'ACTIONGRANT_CONTROLLER_CA', CERTIFICATES),
    tokenFile: readFileName(reader, 'ACTIONGRANT_TOKEN', SERVICE_ACCOUNT_TOKEN),
    agent: {
      namespace: reader.text('ACTIONGRANT_POD_NAMESPACE'),
      serviceAccountName: reader.text('ACTIONGRANT_SERVICE_ACCOUNT'),
    },
    podName: reader.optionalText('ACTIONGRANT_POD_NAME'),
    kubernetes: readKubernetes(reader),
    trustBundle: reader.optionalFile('ACTIONGRANT_TRUST_BUNDLE', CERTIFICATES),
    connectTo: readConnectTo(reader),
    privateDestinations: reader.parsedList(
      'ACTIONGRANT_PRIVATE_DESTINATIONS',
      parsePrivateDestination,
    ),
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
  reader.finish();
  return config;
}

function readControllerURLs(reader: ConfigReader): string[] {
  const name = 'ACTIONGRANT_CONTROLLER_URLS';
  const urls = reader.list(name);
  if (urls.length === 0) reader.complain(name, 'is required');
  for (const url of urls) {
    if (!/^https:\/\/[^/?#]+$/.test(url)) {
      reader.complain(name, `must be https://host[:port], not "${url}"`);
    }
  }
  return urls;
}

/** Of a file that is read again whenever it changes. What is wrong with it now would otherwise show only in the first call. */
function readFileName(reader: ConfigReader, name: string, content: FileContent): string {
  reader.file(name, content);
  return reader.text(name);
}

function readKubernetes(reader: ConfigReader): SidecarConfig['kubernetes'] {
  const server = reader.text('ACTIONGRANT_KUBERNETES_SERVER');
  checkAuthority(reader, 'ACTIONGRANT_KUBERNETES_SERVER', server);
  checkAddress(reader, 'ACTIONGRANT_KUBERNETES_SERVER', server);
  const further = reader.list('ACTIONGRANT_KUBERNETES_AUTHORITIES');
  for (const authority of further) {
    checkAuthority(reader, 'ACTIONGRANT_KUBERNETES_AUTHORITIES', authority);
  }
  return {
    authorities: [
      server,
      ...API_SERVER_NAMES.map((name) => `${name}:443`),
      ...kubernetesService(reader),
      ...further,
    ],
    server,
    ca: reader.file('ACTIONGRANT_KUBERNETES_CA', CERTIFICATES),
  };
}

function readConnectTo(reader: ConfigReader): Map<string, string> {
  const connectTo = reader.map('ACTIONGRANT_CONNECT_TO');
  for (const [from, to] of connectTo) {
    checkAuthority(reader, 'ACTIONGRANT_CONNECT_TO', from);
    checkAddress(reader, 'ACTIONGRANT_CONNECT_TO', to);
  }
  return connectTo;
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
