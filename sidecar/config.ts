/** Settings of the sidecar. The injected pod spec sets them; each is checked at start. */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { API_SERVER_NAMES } from '../api/names.ts';
import { parseAuthority } from '../api/url.ts';
import { ConfigReader, type Environment } from '../process/config.ts';
import type { LogLevel } from '../process/log.ts';
import { holdsCertificates } from '../process/pem.ts';

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
  /** Where the pod CA's certificate is written. */
  caOutputFile: string;
  /** How long a call waits for the exchange, ms. */
  useWaitMilliseconds: number;
  logLevel: LogLevel;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readSidecarConfig(environment: Environment): SidecarConfig {
  const reader = new ConfigReader(environment);
  const server = reader.text('ACTIONGRANT_KUBERNETES_SERVER');
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
    kubernetes: {
      authorities: [
        server,
        ...API_SERVER_NAMES.map((name) => `${name}:443`),
        ...reader.list('ACTIONGRANT_KUBERNETES_AUTHORITIES'),
      ],
      server,
      ca: file(reader, 'ACTIONGRANT_KUBERNETES_CA', CERTIFICATES) ?? '',
    },
    trustBundle: optionalFile(reader, 'ACTIONGRANT_TRUST_BUNDLE', CERTIFICATES),
    connectTo: reader.map('ACTIONGRANT_CONNECT_TO'),
    inertHeaders: reader.list('ACTIONGRANT_INERT_HEADERS'),
    caOutputFile: reader.text('ACTIONGRANT_CA_OUTPUT'),
    useWaitMilliseconds: reader.integer(
      'ACTIONGRANT_USE_WAIT_MILLISECONDS',
      { min: 100, max: 60_000 },
      5_000,
    ),
    logLevel: reader.oneOf('ACTIONGRANT_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  };
  // Read again whenever they change; what is wrong with them now would otherwise show only in the first call.
  file(reader, 'ACTIONGRANT_CONTROLLER_CA', CERTIFICATES);
  file(reader, 'ACTIONGRANT_TOKEN', SERVICE_ACCOUNT_TOKEN);
  if (config.controllerURLs.length === 0) {
    reader.complain('ACTIONGRANT_CONTROLLER_URLS', 'is required');
  }
  for (const url of config.controllerURLs) {
    if (!/^https:\/\/[^/?#]+$/.test(url)) {
      reader.complain('ACTIONGRANT_CONTROLLER_URLS', `must be https://host[:port], not "${url}"`);
    }
  }
  for (const authority of config.kubernetes.authorities) {
    checkAuthority(reader, 'ACTIONGRANT_KUBERNETES_SERVER or _AUTHORITIES', authority);
  }
  checkAddress(reader, 'ACTIONGRANT_KUBERNETES_SERVER', config.kubernetes.server);
  for (const [from, to] of config.connectTo) {
    checkAuthority(reader, 'ACTIONGRANT_CONNECT_TO', from);
    checkAddress(reader, 'ACTIONGRANT_CONNECT_TO', to);
  }
  for (const name of config.inertHeaders) {
    if (name !== name.toLowerCase()) {
      reader.complain('ACTIONGRANT_INERT_HEADERS', `must be lower case, not "${name}"`);
    }
  }
  reader.finish();
  return config;
}

/** Where a name is pinned to, no name is resolved: it must be an address. */
function checkAddress(reader: ConfigReader, name: string, text: string): void {
  const host = /^(.+):[0-9]{1,5}$/.exec(text)?.[1] ?? '';
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) === 0) {
    reader.complain(name, `must be an IP address with a port, not "${text}"`);
  }
}

function checkAuthority(reader: ConfigReader, name: string, text: string): void {
  try {
    // As it is compared: another spelling (capitals, a long IPv6 form) would silently never match.
    const { host, port } = parseAuthority(text, name);
    if (port !== null && text === `${host}:${port}`) return;
  } catch {
    // Complained about below, like a missing port.
  }
  reader.complain(name, `must be host:port in lower case (IPv6 as in RFC 5952), not "${text}"`);
}

/** What a file must hold. The complaint never shows what it does hold: that may be a secret. */
interface Content {
  readonly name: string;
  isIn(text: string): boolean;
}

const CERTIFICATES: Content = {
  name: 'certificates in PEM',
  isIn: holdsCertificates,
};

const SERVICE_ACCOUNT_TOKEN: Content = {
  name: 'a ServiceAccount token',
  // RFC 7519 3: a JWT in compact form.
  isIn: (text) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text.trim()),
};

function file(reader: ConfigReader, name: string, content: Content): string | undefined {
  const path = reader.text(name);
  return path === '' ? undefined : read(reader, name, path, content);
}

function optionalFile(reader: ConfigReader, name: string, content: Content): string | undefined {
  const path = reader.optionalText(name);
  return path === undefined ? undefined : read(reader, name, path, content);
}

function read(
  reader: ConfigReader,
  name: string,
  path: string,
  content: Content,
): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    if (content.isIn(text)) return text;
    reader.complain(name, `names a file that does not hold ${content.name}`);
  } catch (error) {
    reader.complain(name, `names a file that cannot be read (${(error as Error).message})`);
  }
  return undefined;
}
