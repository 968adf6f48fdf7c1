/** What the ConfigMap of an agent namespace holds: the settings that are the same for every sidecar. Pure. */

import { SETTINGS_FILES, SIDECAR_PATHS, SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import { withBrackets } from '../../core/text/url.ts';
import type { SidecarSettings } from './sidecar-settings.ts';

export interface SettingsFacts {
  sidecar: Pick<SidecarSettings, 'inertHeaders' | 'privateDestinations' | 'logLevel'>;
  /** `https://host` of the exchange. */
  controllerURL: string;
  /** PEM. */
  controllerCA: string;
  /** `address:port` under which agents reach the API server. */
  kubernetesServer: string;
  /** Further names and addresses of the API server: a call to one is a Kubernetes action. */
  apiServerHosts: readonly string[];
  /** PEM. */
  kubernetesCA: string;
  /** PEM; absent: sidecars trust the usual CAs alone. */
  trustBundle?: string;
}

const loopback = (port: number): string => `127.0.0.1:${port},[::1]:${port}`;
const settingsFile = (key: string): string => `${SIDECAR_PATHS.settings}/${key}`;

/** Data of the ConfigMap, by key. */
export function settingsData(facts: SettingsFacts): Record<string, string> {
  const { controllerCA, kubernetesCA, trustBundle } = facts;
  return {
    [SETTINGS_FILES.controllerCA]: controllerCA,
    [SETTINGS_FILES.kubernetesCA]: kubernetesCA,
    ...(trustBundle === undefined ? {} : { [SETTINGS_FILES.trust]: trustBundle }),
    [SETTINGS_FILES.settings]: `${JSON.stringify(sidecarEnvironment(facts), null, 2)}\n`,
  };
}

/** As if each were in the environment of the sidecar: see docs/reference/configuration.md. */
function sidecarEnvironment(facts: SettingsFacts): Record<string, string> {
  const { sidecar, controllerURL, kubernetesServer, trustBundle } = facts;
  const authorities = kubernetesAuthorities(facts);
  return {
    ACTIONGRANT_LISTEN: `127.0.0.1:${SIDECAR_PORTS.explicitProxy}`,
    ACTIONGRANT_TRANSPARENT_LISTEN: loopback(SIDECAR_PORTS.transparent),
    ACTIONGRANT_DNS_LISTEN: loopback(SIDECAR_PORTS.dns),
    // The kubelet and Prometheus come from outside.
    ACTIONGRANT_OPERATIONS_LISTEN: `:${SIDECAR_PORTS.operations}`,
    ACTIONGRANT_CONTROLLER_URLS: controllerURL,
    ACTIONGRANT_CONTROLLER_CA: settingsFile(SETTINGS_FILES.controllerCA),
    ACTIONGRANT_TOKEN: `${SIDECAR_PATHS.token}/token`,
    ACTIONGRANT_KUBERNETES_SERVER: kubernetesServer,
    ACTIONGRANT_KUBERNETES_CA: settingsFile(SETTINGS_FILES.kubernetesCA),
    ...(authorities.length === 0
      ? {}
      : { ACTIONGRANT_KUBERNETES_AUTHORITIES: authorities.join(',') }),
    ACTIONGRANT_STATE_DIRECTORY: SIDECAR_PATHS.state,
    ACTIONGRANT_AGENT_DIRECTORY: SIDECAR_PATHS.agent,
    ACTIONGRANT_LOG_LEVEL: sidecar.logLevel,
    ...(sidecar.inertHeaders.length === 0
      ? {}
      : { ACTIONGRANT_INERT_HEADERS: sidecar.inertHeaders.join(',') }),
    ...(sidecar.privateDestinations.length === 0
      ? {}
      : { ACTIONGRANT_PRIVATE_DESTINATIONS: sidecar.privateDestinations.join(',') }),
    ...(trustBundle === undefined
      ? {}
      : { ACTIONGRANT_TRUST_BUNDLE: settingsFile(SETTINGS_FILES.trust) }),
  };
}

/** Each further host with the port of HTTPS and with the API server's own. */
function kubernetesAuthorities({ apiServerHosts, kubernetesServer }: SettingsFacts): string[] {
  const ownPort = kubernetesServer.slice(kubernetesServer.lastIndexOf(':') + 1);
  return apiServerHosts.flatMap((host) =>
    [...new Set(['443', ownPort])].map((port) => `${withBrackets(host)}:${port}`),
  );
}
