/**
 * The files that the sidecar writes for the clients of the other containers. These see the directory where every in-cluster
 * client looks, and it holds nothing to steal (P14 in SECURITY.md).
 */

import { join } from 'node:path';
import {
  AGENT_DIRECTORY,
  AGENT_FILES,
  JAVA_TRUST_STORE_PASSWORD,
} from '../../core/api/pod-layout.ts';
import { createJavaTrustStore } from './java-key-store.ts';
import { replaceFile } from './replace-file.ts';

/** In-cluster clients put it into a header, which the sidecar takes away. So it must be fit for a header, and for nothing else. */
export const NO_TOKEN = 'actiongrant-no-token';

export interface AgentFilesContent {
  /** PEM of the pod's own CA: every TLS connection of the pod is intercepted, so no other needs to be trusted. */
  caCertificate: string;
  namespace: string;
}

/**
 * Writes every file of AGENT_FILES, each whole or not at all, readable by everybody and writable by nobody.
 * @throws Error if the certificate is none, or a file cannot be written
 */
export async function writeAgentFiles(
  directory: string,
  { caCertificate, namespace }: AgentFilesContent,
): Promise<void> {
  const store = { alias: 'actiongrant-pod-ca', password: JAVA_TRUST_STORE_PASSWORD };
  // As the agent sees it: these programs read their files in another container.
  const ca = `${AGENT_DIRECTORY}/${AGENT_FILES.ca}`;
  const contents = {
    ca: caCertificate,
    javaTrustStore: createJavaTrustStore(caCertificate, store),
    wgetrc: `ca_certificate = ${ca}\n`,
    aptConfiguration: `Acquire::https::CaInfo "${ca}";\n`,
    phpConfiguration: `openssl.cafile = "${ca}"\ncurl.cainfo = "${ca}"\n`,
    namespace,
    token: NO_TOKEN,
  } satisfies Record<keyof typeof AGENT_FILES, string | Uint8Array>;
  for (const [key, content] of Object.entries(contents) as [
    keyof typeof AGENT_FILES,
    string | Buffer,
  ][]) {
    await replaceFile(join(directory, AGENT_FILES[key]), content, 0o444);
  }
}
