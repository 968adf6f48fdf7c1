/** Settings of the job that runs before the release is deleted. The chart sets them. */

import type { KubernetesServer } from '../../core/kubernetes/server.ts';
import { ConfigReader, type Environment } from '../../process/config.ts';
import { readKubernetesServer } from '../../process/kubernetes-setting.ts';
import type { LabelSelector } from '../injection/label-selector.ts';
import { readInjectionSelector } from '../injection/selector-setting.ts';
import { readRetrySeconds } from '../jobs/retry.ts';
import type { Release } from './injected-namespaces.ts';

export interface UninstallConfig {
  release: Release;
  /** Selects the namespaces whose pods are injected. */
  injectionSelector: LabelSelector;
  /** How long each step is tried again while time may mend what it failed for. */
  retrySeconds: number;
  kubernetes: KubernetesServer;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readUninstallConfig(environment: Environment): UninstallConfig {
  const reader = new ConfigReader(environment);
  const config: UninstallConfig = {
    release: {
      namespace: reader.text('ACTIONGRANT_NAMESPACE'),
      name: reader.text('ACTIONGRANT_RELEASE_NAME'),
      revision: reader.text('ACTIONGRANT_RELEASE_REVISION'),
    },
    injectionSelector: readInjectionSelector(reader),
    retrySeconds: readRetrySeconds(reader),
    kubernetes: readKubernetesServer(reader),
  };
  reader.finish();
  return config;
}
