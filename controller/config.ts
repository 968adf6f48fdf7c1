/** Settings of the controller. The chart sets them; each is checked at start. */

import { parseQuantity } from '../core/kubernetes/quantity.ts';
import type { KubernetesServer } from '../core/kubernetes/server.ts';
import { isRecord } from '../core/text/json.ts';
import { CERTIFICATES } from '../core/text/pem.ts';
import { parsePrivateDestination } from '../core/text/private-destination.ts';
import { parseAuthority, withBrackets, withoutBrackets } from '../core/text/url.ts';
import { ConfigReader, type Environment } from '../process/config.ts';
import { readKubernetesServer } from '../process/kubernetes-setting.ts';
import { LOG_LEVELS, type LogLevel } from '../process/log.ts';
import type { LabelSelector } from './injection/label-selector.ts';
import { readInjectionSelector } from './injection/selector-setting.ts';
import type { ResourceBounds } from './injection/sidecar-resources.ts';
import type { SidecarSettings } from './injection/sidecar-settings.ts';
import type { Resources } from './pods/pod.ts';

export interface ControllerConfig {
  /** Exchange and admission, HTTPS. */
  listen: { host: string; port: number };
  /** Metrics and health, HTTP. */
  operationsListen: { host: string; port: number };
  namespace: string;
  /** Helm's name for this installation. */
  releaseName: string;
  /** Unique per replica. */
  identity: string;
  /** Namespaces with agents and grants, in which RoleBindings give the controller its rights. */
  agentNamespaces: string[];
  kubernetes: KubernetesServer;
  /** Names and addresses, besides those of the Service, for the serving certificate. */
  servingNames: string[];
  /** Names and addresses under which agents might reach the API server, beside those that every cluster has. */
  apiServerHosts: string[];
  /** Audiences that the API server accepts (its --api-audiences), beside those that it tells. */
  apiServerAudiences: string[];
  /** Uses and reports of one pod, a second. */
  podRatePerSecond: number;
  /** Grants for one agent that may wait for a decision at a time. */
  maxPendingPerAgent: number;
  /** Ended grants that a namespace keeps. */
  maxFinishedPerNamespace: number;
  logLevel: LogLevel;
  /** Of the namespaces whose pods must be injected ones to call the exchange. */
  injectionSelector: LabelSelector;
  /** Absent: pods are not injected. */
  sidecar?: SidecarSettings;
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;
/** Measured: docs/benchmarks.md. */
const DEFAULT_RESOURCES: Resources = {
  requests: { cpu: '50m', memory: '96Mi' },
  limits: { memory: '256Mi' },
};

/** With less memory the sidecar was seen to end (docs/benchmarks.md); the most is what no sidecar needs. */
const DEFAULT_RESOURCE_BOUNDS: ResourceBounds = {
  min: { cpu: '50m', memory: '128Mi' },
  max: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' },
};

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readControllerConfig(environment: Environment): ControllerConfig {
  const reader = new ConfigReader(environment);
  const config: ControllerConfig = {
    listen: reader.address('ACTIONGRANT_LISTEN', ':8443'),
    operationsListen: reader.address('ACTIONGRANT_OPERATIONS_LISTEN', ':8080'),
    namespace: reader.text('ACTIONGRANT_NAMESPACE'),
    releaseName: reader.text('ACTIONGRANT_RELEASE_NAME', 'actiongrant'),
    identity: reader.text('ACTIONGRANT_POD_NAME'),
    agentNamespaces: reader.list('ACTIONGRANT_AGENT_NAMESPACES'),
    kubernetes: readKubernetesServer(reader),
    servingNames: reader.list('ACTIONGRANT_SERVING_NAMES'),
    apiServerHosts: readHosts(reader, 'ACTIONGRANT_API_SERVER_HOSTS'),
    apiServerAudiences: reader.list('ACTIONGRANT_API_SERVER_AUDIENCES'),
    podRatePerSecond: reader.integer(
      'ACTIONGRANT_POD_RATE_PER_SECOND',
      { min: 1, max: 100_000 },
      50,
    ),
    maxPendingPerAgent: reader.integer(
      'ACTIONGRANT_MAX_PENDING_PER_AGENT',
      { min: 1, max: 10_000 },
      20,
    ),
    maxFinishedPerNamespace: reader.integer(
      'ACTIONGRANT_MAX_FINISHED_PER_NAMESPACE',
      { min: 1, max: 1_000_000 },
      10_000,
    ),
    logLevel: reader.oneOf('ACTIONGRANT_LOG_LEVEL', LOG_LEVELS, 'info'),
    injectionSelector: readInjectionSelector(reader),
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

/** A host in another spelling would never match in admission, and no sidecar would start with it. */
function readHosts(reader: ConfigReader, name: string): string[] {
  const hosts = reader.list(name);
  for (const host of hosts) {
    if (isHost(host)) continue;
    reader.complain(
      name,
      `must be names in lower case or addresses (IPv6 as in RFC 5952, without brackets), without scheme and port, not "${host}"`,
    );
  }
  return hosts;
}

function isHost(text: string): boolean {
  try {
    const { host, port } = parseAuthority(withBrackets(text), '');
    return port === null && withoutBrackets(host) === text;
  } catch {
    return false;
  }
}

/** Reads every variable, also without an image: a variable that nobody reads is taken for a typing error. */
function readSidecarSettings(reader: ConfigReader): { sidecar?: SidecarSettings } {
  const image = reader.optionalText('ACTIONGRANT_SIDECAR_IMAGE');
  const settings = {
    imagePullPolicy: reader.oneOf(
      'ACTIONGRANT_SIDECAR_IMAGE_PULL_POLICY',
      PULL_POLICIES,
      'IfNotPresent',
    ),
    imagePullSecrets: reader.list('ACTIONGRANT_SIDECAR_IMAGE_PULL_SECRETS'),
    resources: reader.json(
      'ACTIONGRANT_SIDECAR_RESOURCES',
      DEFAULT_RESOURCES,
      isResources,
      'an object of limits and requests, whose values are texts',
    ),
    resourceBounds: reader.json(
      'ACTIONGRANT_SIDECAR_RESOURCE_BOUNDS',
      DEFAULT_RESOURCE_BOUNDS,
      isResourceBounds,
      'an object of min and max, whose values are quantities',
    ),
    inertHeaders: reader.lowerCaseList('ACTIONGRANT_SIDECAR_INERT_HEADERS'),
    privateDestinations: reader.parsedList(
      'ACTIONGRANT_SIDECAR_PRIVATE_DESTINATIONS',
      (text: string) => {
        parsePrivateDestination(text);
        return text;
      },
    ),
    trustBundleFile: reader.optionalText('ACTIONGRANT_SIDECAR_TRUST_BUNDLE'),
    logLevel: reader.oneOf('ACTIONGRANT_SIDECAR_LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  // The file is read again whenever it changes. Without this check, a mistake in it would show only in the log.
  reader.optionalFile('ACTIONGRANT_SIDECAR_TRUST_BUNDLE', CERTIFICATES);
  return image === undefined ? {} : { sidecar: { image, ...settings } };
}

function isResources(value: unknown): value is Resources {
  return (
    isRecord(value) &&
    Object.entries(value).every(
      ([member, quantities]) =>
        (member === 'limits' || member === 'requests') &&
        isRecord(quantities) &&
        Object.values(quantities).every((quantity) => typeof quantity === 'string'),
    )
  );
}

function isResourceBounds(value: unknown): value is ResourceBounds {
  const isBound = (quantities: unknown): boolean =>
    isRecord(quantities) &&
    Object.values(quantities).every(
      (quantity) => typeof quantity === 'string' && parseQuantity(quantity) !== undefined,
    );
  return isRecord(value) && isBound(value['min']) && isBound(value['max']);
}
