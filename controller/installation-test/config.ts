/** Settings of `helm test`. The chart sets them. */

import { ConfigReader, type Environment } from '../../process/config.ts';
import { readPatienceSeconds } from '../jobs/patience.ts';
import type { KubernetesServer } from '../kubernetes/server.ts';
import { readKubernetesServer } from '../kubernetes/server-setting.ts';

export interface InstallationTestConfig {
  /** The controller's Service. */
  controllerURL: string;
  /** File with the PEM that verifies it. */
  controllerCA: string;
  /** Where a grant is tried. Absent: no namespace was given to the release yet. */
  grantNamespace: string | undefined;
  /** How long each check waits for somebody to answer. */
  patienceSeconds: number;
  kubernetes: KubernetesServer;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readInstallationTestConfig(environment: Environment): InstallationTestConfig {
  const reader = new ConfigReader(environment);
  const config: InstallationTestConfig = {
    controllerURL: reader.text('ACTIONGRANT_CONTROLLER_URL'),
    controllerCA: reader.text('ACTIONGRANT_CONTROLLER_CA'),
    grantNamespace: reader.optionalText('ACTIONGRANT_GRANT_NAMESPACE'),
    patienceSeconds: readPatienceSeconds(reader),
    kubernetes: readKubernetesServer(reader),
  };
  reader.finish();
  return config;
}
