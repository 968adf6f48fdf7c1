import { ProblemError } from '../core/api/problem.ts';
import type { KubernetesClient } from '../core/kubernetes/client.ts';
import { createKubernetesClient } from '../core/kubernetes/create-client.ts';
import type { KubernetesServer } from '../core/kubernetes/server.ts';
import { systemClock } from '../core/time/clock.ts';
import { VERSION } from './version.ts';

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;

/**
 * The client of one of our processes, which calls itself `actiongrant-<component>`.
 * @throws ProblemError ConfigurationInvalid
 */
export async function createProcessClient(
  server: KubernetesServer,
  component: string,
): Promise<KubernetesClient> {
  try {
    return await createKubernetesClient({
      server,
      userAgent: `actiongrant-${component}/${VERSION}`,
      requestTimeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS,
      clock: systemClock,
    });
  } catch (error) {
    throw unusable(server, error);
  }
}

/** Without the error's own text: a parser's message shows lines of the file, and a kubeconfig holds credentials. */
function unusable(server: KubernetesServer, error: unknown): ProblemError {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const reason = String(code ?? name ?? 'unknown');
  return new ProblemError(
    'ConfigurationInvalid',
    server.type === 'Kubeconfig'
      ? `ACTIONGRANT_KUBECONFIG names a file that cannot be used as a kubeconfig (${reason})`
      : `the pod's ServiceAccount in ${server.directory} cannot be used (${reason})`,
  );
}
