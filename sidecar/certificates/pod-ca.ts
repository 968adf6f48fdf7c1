/** The CA that the agent's clients trust: where it is kept, and where it is shown. */

import type { Clock } from '../../core/time/clock.ts';
import { settingUnusable } from '../../process/config.ts';
import type { Logger } from '../../process/log.ts';
import { writeAgentFiles } from '../files/agent-files.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  writeCACertificate,
} from './certificate-authority.ts';
import { loadCertificateAuthority } from './load-certificate-authority.ts';

/** Where the pod's CA is kept and shown. */
export interface PodCASettings {
  /** Of the agent: its clients read the namespace beside the certificate. */
  agent: { namespace: string };
  /** Where the certificate alone is written; undefined: nowhere. */
  caOutputFile: string | undefined;
  /** Of interception without the agent's knowing; undefined: there is none, and the CA lives as long as this process. */
  transparent: { stateDirectory: string; agentDirectory: string } | undefined;
}

/**
 * The pod's CA, written where the agent's clients find it. Only with a state directory does it outlive this process.
 * @throws ProblemError ConfigurationInvalid, naming the directory or file that cannot be used
 */
export async function providePodCA(
  { transparent, caOutputFile, agent }: PodCASettings,
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
