/** Settings of the job that runs before the release is deleted. The chart sets them. */

import { ConfigReader, type Environment } from '../../process/config.ts';
import { isLabelSelector, type LabelSelector } from '../injection/label-selector.ts';
import type { KubernetesServer } from '../kubernetes/server.ts';
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
  const kubeconfig = reader.optionalText('ACTIONGRANT_KUBECONFIG');
  const config: UninstallConfig = {
    release: {
      namespace: reader.text('ACTIONGRANT_NAMESPACE'),
      name: reader.text('ACTIONGRANT_RELEASE_NAME'),
      revision: reader.text('ACTIONGRANT_RELEASE_REVISION'),
    },
    injectionSelector: selector(reader),
    kubernetes:
      kubeconfig === undefined
        ? {
            type: 'InCluster',
            host: reader.text('KUBERNETES_SERVICE_HOST'),
            port: reader.integer('KUBERNETES_SERVICE_PORT', { min: 1, max: 65535 }, 443),
            directory: '/var/run/secrets/kubernetes.io/serviceaccount',
          }
        : { type: 'Kubeconfig', path: kubeconfig },
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
