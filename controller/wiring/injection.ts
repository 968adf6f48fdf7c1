/** What the webhook for pods needs at run time, put together from the controller's configuration. */

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { SIDECAR_RESOURCES_ANNOTATION } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { serverAccessReader } from '../../core/kubernetes/server.ts';
import { holdsCertificates } from '../../core/text/pem.ts';
import { withoutBrackets } from '../../core/text/url.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import type { InjectPodDependencies } from '../admission/pods/inject-pod.ts';
import { createNamespaceFacts, type NamespaceFacts } from '../admission/pods/namespace-facts.ts';
import type { Caches } from '../caches/caches.ts';
import { type CertificateManager, controllerNames } from '../certificates/manager.ts';
import type { ControllerConfig } from '../config.ts';
import { createSettingsPublisher, type SettingsPublisher } from '../injection/publish-settings.ts';
import { settingsData } from '../injection/settings.ts';
import type { SidecarSettings } from '../injection/sidecar-settings.ts';

export interface InjectionParts {
  publisher: SettingsPublisher;
  webhook: InjectPodDependencies & { facts: NamespaceFacts };
}

export interface InjectionOptions {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  config: Pick<
    ControllerConfig,
    'agentNamespaces' | 'apiServerHosts' | 'kubernetes' | 'namespace' | 'releaseName'
  >;
  sidecar: SidecarSettings;
  /** What the cache knows of a namespace. */
  namespaces: Pick<Caches, 'annotationsOf' | 'labelsOf'>;
  /** Whose authorities verify the controller. */
  certificates: Pick<CertificateManager, 'sync' | 'bundle'>;
}

/** @throws ProblemError ConfigurationInvalid if sidecars could not reach the API server as we do */
export async function createInjection(options: InjectionOptions): Promise<InjectionParts> {
  const { client, clock, log, config, sidecar, namespaces, certificates } = options;
  const { agentNamespaces, apiServerHosts, namespace, releaseName } = config;
  const readAccess = await serverAccessReader(config.kubernetes);
  const kubernetesServer = addressOf((await readAccess()).origin);
  const [controllerName] = controllerNames(namespace);
  const publisher = createSettingsPublisher({
    client,
    agentNamespaces,
    clock,
    random: Math.random,
    log,
    // Everything is read again each time: both authorities are rotated, and the bundle may be.
    async desired() {
      const { tls } = await readAccess();
      const { trustBundleFile } = sidecar;
      // Our copy may be a minute older than what another replica has published, and must not replace it.
      await certificates.sync();
      return settingsData({
        sidecar,
        controllerURL: `https://${controllerName}`,
        controllerCA: certificates.bundle(),
        kubernetesServer,
        apiServerHosts,
        kubernetesCA: certificatesIn(String(tls.ca ?? ''), "the API server's CA"),
        ...(trustBundleFile === undefined
          ? {}
          : {
              trustBundle: certificatesIn(await readFile(trustBundleFile, 'utf8'), trustBundleFile),
            }),
      });
    },
  });
  return {
    publisher,
    webhook: {
      image: sidecar,
      resourceBounds: sidecar.resourceBounds,
      agentNamespaces,
      facts: createNamespaceFacts({
        client,
        labelsOf: namespaces.labelsOf,
        sidecarResources: (name) => namespaces.annotationsOf(name)?.[SIDECAR_RESOURCES_ANNOTATION],
        onError: (error) =>
          log.warn('what a pod is injected with could not be compared with its namespace', {
            error,
          }),
      }),
      settingsPublished: publisher.isPublished,
      release: { name: releaseName, namespace },
    },
  };
}

/** Sidecars refuse to start with anything else: what was published before is better. */
function certificatesIn(pem: string, where: string): string {
  if (holdsCertificates(pem)) return pem;
  throw new ProblemError('ConfigurationInvalid', `${where} holds no certificates in PEM`);
}

/** `address:port`: sidecars resolve no name for the API server. */
function addressOf(origin: string): string {
  const { hostname, port } = new URL(origin);
  if (isIP(withoutBrackets(hostname)) === 0) {
    throw new ProblemError(
      'ConfigurationInvalid',
      `ACTIONGRANT_SIDECAR_IMAGE needs an API server that is reached by its address, not as ${hostname}`,
    );
  }
  return `${hostname}:${port || '443'}`;
}
