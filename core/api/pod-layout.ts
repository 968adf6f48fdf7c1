/**
 * What an injected pod looks like: the names, users, ports and paths that the webhook writes, the admission policies in the
 * chart check, and net-init and the sidecar rely on. The chart has them from here (`scripts/generate-chart.ts`).
 */

/** Label, with its value, of the namespaces in which pods are injected, where the operator chooses no other selector. */
export const INJECTION_LABEL = { name: 'actiongrant.dev/inject', value: 'enabled' } as const;

/** First init container: writes the packet filter's rules and ends. */
export const INIT_CONTAINER_NAME = 'actiongrant-init';
/** Second init container: the native sidecar (`restartPolicy: Always`, Kubernetes 1.33). */
export const SIDECAR_CONTAINER_NAME = 'actiongrant';

/** User and group of the sidecar alone: the packet filter lets this user out, and admission gives it to nobody else. */
export const SIDECAR_UID = 64464;
/** User of the other containers, where the pod names none: what an image says of its user, admission cannot see. */
export const DEFAULT_AGENT_UID = 10001;

/** Ports inside the pod. All listen on loopback only, but for `operations`, which the kubelet and Prometheus reach. */
export const SIDECAR_PORTS = {
  explicitProxy: 15001,
  transparent: 15006,
  dns: 15053,
  operations: 15020,
} as const;

/** Name of the `operations` port in the pod, for a PodMonitor. */
export const SIDECAR_METRICS_PORT_NAME = 'ag-metrics';

/** The injected volumes; `agent` is the only one that other containers mount, and read-only. */
export const POD_VOLUMES = {
  /** Projected pod-bound token for the exchange. */
  token: 'actiongrant-token',
  /** The ConfigMap `SIDECAR_CONFIG_MAP`. */
  settings: 'actiongrant-settings',
  /** Memory: the pod CA's key, so that a restarted sidecar is still trusted. */
  state: 'actiongrant-state',
  /** Memory: what the sidecar writes for the agent's clients. */
  agent: 'actiongrant-agent',
} as const;

/** Where the sidecar finds its volumes. */
export const SIDECAR_PATHS = {
  token: '/etc/actiongrant/token',
  settings: '/etc/actiongrant/settings',
  state: '/run/actiongrant/state',
  agent: '/run/actiongrant/agent',
} as const;

/** Where every in-cluster client looks; the other containers find the `agent` volume there. */
export const AGENT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Files of the `agent` volume. */
export const AGENT_FILES = {
  /** PEM of the pod's own CA. */
  ca: 'ca.crt',
  /** The same as a Java key store (JKS) with the password `changeit`. */
  javaTrustStore: 'ca.jks',
  /** Start-up file of GNU wget, which has no variable for its CA. */
  wgetrc: 'wgetrc',
  /** Configuration of apt, which reads no CA from a variable either. */
  aptConfiguration: 'apt.conf',
  /** Configuration of PHP: its curl extension reads no variable. */
  phpConfiguration: 'php.ini',
  namespace: 'namespace',
  /** A constant that is no token: in-cluster clients refuse to start without this file. */
  token: 'token',
} as const;
export const JAVA_TRUST_STORE_PASSWORD = 'changeit';

/** ConfigMap in every agent namespace that the controller alone writes (a policy in the chart holds that). */
export const SIDECAR_CONFIG_MAP = 'actiongrant-sidecar';

/** Keys of that ConfigMap. */
export const SETTINGS_FILES = {
  /** PEM that verifies the controller; changes when its CA is rotated. */
  controllerCA: 'controller-ca.crt',
  /** PEM that verifies the API server. */
  kubernetesCA: 'kubernetes-ca.crt',
  /** PEM of CAs trusted upstream besides the system's; absent if there are none. */
  trust: 'trust.crt',
  /** JSON object of strings: settings of the sidecar (`ACTIONGRANT_…`), the same for every pod. */
  settings: 'settings.json',
} as const;

/** Environment of net-init: ports that may be reached from outside, such as `8080/tcp,5353/udp`. */
export const INBOUND_PORTS_VARIABLE = 'ACTIONGRANT_INBOUND_PORTS';

/** Synthetic addresses that the sidecar's DNS answers with; nothing on the Internet has them (RFC 2544, RFC 4193). */
export const SYNTHETIC_NETWORKS = { ipv4: '198.18.0.0/15', ipv6: 'fd61:6367:7261::/48' } as const;
