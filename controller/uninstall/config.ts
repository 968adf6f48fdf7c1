/** Settings of the job that runs before the release is deleted. The chart sets them. */

import { ConfigReader, type Environment } from '../../process/config.ts';
import { isLabelSelector, type LabelSelector } from '../injection/label-selector.ts';
import type { KubernetesServer } from '../kubernetes/server.ts';
import { readKubernetesServer } from '../kubernetes/server-setting.ts';
import type { Release } from './uninstall.ts';

export interface UninstallConfig {
  release: Release;
  /** Which namespaces are injected. */
  injectionSelector: LabelSelector;
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
    injectionSelector: selector(reader),
    kubernetes: readKubernetesServer(reader),
  };
  reader.finish();
  return config;
}

function selector(reader: ConfigReader): LabelSelector {
  const name = 'ACTIONGRANT_INJECTION_SELECTOR';
  try {
    const value: unknown = JSON.parse(reader.text(name, '{}'));
    if (isLabelSelector(value)) return value;
  } catch {
    // Complained of below, like whatever else is no selector.
  }
  reader.complain(name, 'must be a LabelSelector as JSON');
  return {};
}
