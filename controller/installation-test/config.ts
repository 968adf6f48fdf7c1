/** Settings of `helm test`. The chart sets them. */

import { ConfigReader, type Environment } from '../../process/config.ts';
import type { KubernetesServer } from '../kubernetes/server.ts';

export interface InstallationTestConfig {
  /** The controller's Service. */
  controllerURL: string;
  /** File with the PEM that verifies it. */
  controllerCA: string;
  /** Where a grant is tried. Absent: no namespace was given to the release yet. */
  grantNamespace: string | undefined;
  kubernetes: KubernetesServer;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readInstallationTestConfig(environment: Environment): InstallationTestConfig {
  const reader = new ConfigReader(environment);
  const kubeconfig = reader.optionalText('ACTIONGRANT_KUBECONFIG');
  const config: InstallationTestConfig = {
    controllerURL: reader.text('ACTIONGRANT_CONTROLLER_URL'),
    controllerCA: reader.text('ACTIONGRANT_CONTROLLER_CA'),
    grantNamespace: reader.optionalText('ACTIONGRANT_GRANT_NAMESPACE'),
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
