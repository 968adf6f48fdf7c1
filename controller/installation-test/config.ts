/** Settings of `helm test`. The chart sets them. */

import type { KubernetesServer } from '../../core/kubernetes/server.ts';
import { ConfigReader, type Environment } from '../../process/config.ts';
import { readKubernetesServer } from '../../process/kubernetes-setting.ts';
import type { LabelSelector } from '../injection/label-selector.ts';
import { readInjectionSelector } from '../injection/selector-setting.ts';
import { readRetrySeconds } from '../jobs/retry.ts';

export interface InstallationTestConfig {
  /** The controller's Service. */
  controllerURL: string;
  /** File with the PEM that verifies it. */
  controllerCA: string;
  /** The namespaces of the release. A grant is tried in the first one. */
  agentNamespaces: string[];
  /** Selects the namespaces whose pods are injected. A pod is tried in the first of the above that it selects. */
  injectionSelector: LabelSelector;
  /** How long each check is tried again while time may mend what it failed for. */
  retrySeconds: number;
  kubernetes: KubernetesServer;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readInstallationTestConfig(environment: Environment): InstallationTestConfig {
  const reader = new ConfigReader(environment);
  const config: InstallationTestConfig = {
    controllerURL: reader.text('ACTIONGRANT_CONTROLLER_URL'),
    controllerCA: reader.text('ACTIONGRANT_CONTROLLER_CA'),
    agentNamespaces: reader.list('ACTIONGRANT_AGENT_NAMESPACES'),
    injectionSelector: readInjectionSelector(reader),
    retrySeconds: readRetrySeconds(reader),
    kubernetes: readKubernetesServer(reader),
  };
  reader.finish();
  return config;
}
