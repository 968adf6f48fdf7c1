/** The CA that the agent's clients trust: where it is kept, and where it is shown. */

import type { Clock } from '../../core/time/clock.ts';
import { settingUnusable } from '../../process/config.ts';
import type { Logger } from '../../process/log.ts';
import type { SidecarConfig } from '../config.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  writeCACertificate,
} from '../intercept/certificate-authority.ts';
import { loadCertificateAuthority } from '../intercept/load-certificate-authority.ts';
import { writeAgentFiles } from './agent-files.ts';

/**
 * The pod's CA, written where the agent's clients find it. Only with a state directory does it outlive this process.
 * @throws ProblemError ConfigurationInvalid, naming the directory or file that cannot be used
 */
export async function providePodCA(
  { transparent, caOutputFile, agent }: SidecarConfig,
  clock: Clock,
  log: Logger,
): Promise<CertificateAuthority> {
  const authority =
    transparent === undefined
      ? createCertificateAuthority({ now: clock.now })
      : await loadCertificateAuthority({
          stateDirectory: transparent.stateDirectory,
          now: clock.now,
          log,
        }).catch((error: unknown) => {
          throw settingUnusable('ACTIONGRANT_STATE_DIRECTORY', 'cannot be used', error);
        });
  if (caOutputFile !== undefined) {
    await writeCACertificate(authority, caOutputFile).catch((error: unknown) => {
      throw settingUnusable('ACTIONGRANT_CA_OUTPUT', 'names a file that cannot be written', error);
    });
  }
  if (transparent !== undefined) {
    const files = { caCertificate: authority.certificate, namespace: agent.namespace };
    await writeAgentFiles(transparent.agentDirectory, files).catch((error: unknown) => {
      throw settingUnusable('ACTIONGRANT_AGENT_DIRECTORY', 'cannot be written to', error);
    });
  }
  return authority;
}
