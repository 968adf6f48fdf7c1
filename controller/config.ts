/** Settings of the controller. The chart sets them; each is checked at start. */

import { readFileSync } from 'node:fs';
import { INJECTION_LABEL } from '../api/pod-layout.ts';
import { ConfigReader, type Environment } from '../process/config.ts';
import type { LogLevel } from '../process/log.ts';
import { holdsCertificates } from '../process/pem.ts';
import { isLabelSelector, type LabelSelector } from './injection/label-selector.ts';
import type { SidecarImage } from './injection/ours.ts';
import type { Resources } from './injection/pod.ts';
import type { KubernetesServer } from './kubernetes/server.ts';
import { readKubernetesServer } from './kubernetes/server-setting.ts';

export interface ControllerConfig {
  /** Exchange and admission, HTTPS. */
  listen: { host: string; port: number };
  /** Metrics and health, HTTP. */
  operationsListen: { host: string; port: number };
  namespace: string;
  /** Unique per replica. */
  identity: string;
  /** Namespaces with agents and grants: where there are RoleBindings for us. */
  agentNamespaces: string[];
  kubernetes: KubernetesServer;
  /** Names and addresses, besides those of the Service, for the serving certificate. */
  servingNames: string[];
  /** Names and addresses under which agents might reach the API server, beside those that every cluster has. */
  apiServerHosts: string[];
  /** Audiences that the API server accepts (its --api-audiences), beside the usual. */
  apiServerAudiences: string[];
  /** Uses and reports of one pod, a second. */
  podRatePerSecond: number;
  logLevel: LogLevel;
  /** Of the namespaces whose pods must be injected ones to call the exchange. */
  injectionSelector: LabelSelector;
  /** Absent: pods are not injected. */
  sidecar?: SidecarSettings;
}

/** What the operator chooses for every sidecar. */
export interface SidecarSettings extends SidecarImage {
  inertHeaders: string[];
  /** File with PEM of CAs that sidecars trust upstream; read again when it changes. */
  trustBundleFile: string | undefined;
  logLevel: LogLevel;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;
const DEFAULT_SELECTOR = JSON.stringify({
  matchLabels: { [INJECTION_LABEL.name]: INJECTION_LABEL.value },
});
/** Measured: docs/benchmarks.md. */
const DEFAULT_RESOURCES = JSON.stringify({
  requests: { cpu: '50m', memory: '96Mi' },
  limits: { memory: '256Mi' },
});

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readControllerConfig(environment: Environment): ControllerConfig {
  const reader = new ConfigReader(environment);
  const config: ControllerConfig = {
    listen: reader.address('ACTIONGRANT_LISTEN', ':8443'),
    operationsListen: reader.address('ACTIONGRANT_OPERATIONS_LISTEN', ':8080'),
    namespace: reader.text('ACTIONGRANT_NAMESPACE'),
    identity: reader.text('ACTIONGRANT_POD_NAME'),
    agentNamespaces: reader.list('ACTIONGRANT_AGENT_NAMESPACES'),
    kubernetes: readKubernetesServer(reader),
    servingNames: reader.list('ACTIONGRANT_SERVING_NAMES'),
    apiServerHosts: reader.list('ACTIONGRANT_API_SERVER_HOSTS'),
    apiServerAudiences: [
      'https://kubernetes.default.svc',
      'https://kubernetes.default.svc.cluster.local',
      ...reader.list('ACTIONGRANT_API_SERVER_AUDIENCES'),
    ],
    podRatePerSecond: reader.integer(
      'ACTIONGRANT_POD_RATE_PER_SECOND',
      { min: 1, max: 100_000 },
      50,
    ),
    logLevel: reader.oneOf('ACTIONGRANT_LOG_LEVEL', LOG_LEVELS, 'info'),
    injectionSelector: readJson(
      reader,
      'ACTIONGRANT_INJECTION_SELECTOR',
      DEFAULT_SELECTOR,
      isLabelSelector,
      'a label selector',
    ),
    ...readSidecarSettings(reader),
  };
  for (const namespace of config.agentNamespaces) {
    if (namespace === config.namespace) {
      reader.complain(
        'ACTIONGRANT_AGENT_NAMESPACES',
        `must not name the controller's own namespace (${namespace})`,
      );
    }
  }
  reader.finish();
  return config;
}

/** All are read, also without an image, so that none of them is taken for a typing error. */
function readSidecarSettings(reader: ConfigReader): { sidecar?: SidecarSettings } {
  const image = reader.optionalText('ACTIONGRANT_SIDECAR_IMAGE');
  const trustBundleFile = reader.optionalText('ACTIONGRANT_SIDECAR_TRUST_BUNDLE');
  const settings = {
    imagePullPolicy: reader.oneOf(
      'ACTIONGRANT_SIDECAR_IMAGE_PULL_POLICY',
      PULL_POLICIES,
      'IfNotPresent',
    ),
    resources: readJson(
      reader,
      'ACTIONGRANT_SIDECAR_RESOURCES',
      DEFAULT_RESOURCES,
      isResources,
      'an object of limits and requests, whose values are texts',
    ),
    inertHeaders: reader.list('ACTIONGRANT_SIDECAR_INERT_HEADERS'),
    trustBundleFile,
    logLevel: reader.oneOf('ACTIONGRANT_SIDECAR_LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  for (const name of settings.inertHeaders) {
    if (name !== name.toLowerCase()) {
      reader.complain('ACTIONGRANT_SIDECAR_INERT_HEADERS', `must be lower case, not "${name}"`);
    }
  }
  if (trustBundleFile !== undefined) checkCertificates(reader, trustBundleFile);
  return image === undefined ? {} : { sidecar: { image, ...settings } };
}

function checkCertificates(reader: ConfigReader, path: string): void {
  const name = 'ACTIONGRANT_SIDECAR_TRUST_BUNDLE';
  try {
    if (holdsCertificates(readFileSync(path, 'utf8'))) return;
    reader.complain(name, 'names a file that does not hold certificates in PEM');
  } catch (error) {
    reader.complain(name, `names a file that cannot be read (${(error as Error).message})`);
  }
}

/** JSON of a known shape; a complaint, and the fallback, if it is not. */
function readJson<T>(
  reader: ConfigReader,
  name: string,
  fallback: string,
  is: (value: unknown) => value is T,
  what: string,
): T {
  for (const text of [reader.text(name, fallback), fallback]) {
    const value = parsed(text);
    if (is(value)) return value;
    reader.complain(name, `must be ${what} in JSON`);
  }
  throw new TypeError(`the default of ${name} is not ${what}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isResources(value: unknown): value is Resources {
  const isObject = (item: unknown): item is object =>
    typeof item === 'object' && item !== null && !Array.isArray(item);
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([member, quantities]) =>
        (member === 'limits' || member === 'requests') &&
        isObject(quantities) &&
        Object.values(quantities).every((quantity) => typeof quantity === 'string'),
    )
  );
}
