/** Settings of the controller. The chart sets them; each is checked at start. */

import { ConfigReader, type Environment } from '../process/config.ts';
import type { LogLevel } from '../process/log.ts';
import type { KubernetesServer } from './kubernetes/server.ts';

export interface ControllerConfig {
  /** Exchange and admission, HTTPS. */
  listen: { host: string; port: number };
  /** Metrics and health, HTTP. */
  operationsListen: { host: string; port: number };
  namespace: string;
  /** Unique per replica. */
  identity: string;
  /** Namespaces with agents and grants: where there are RoleBindings for us. */
  agentNamespaces: string[];
  kubernetes: KubernetesServer;
  /** Names and addresses, besides those of the Service, for the serving certificate. */
  servingNames: string[];
  /** Names and addresses under which agents might reach the API server, beside those that every cluster has. */
  apiServerHosts: string[];
  /** Audiences that the API server accepts (its --api-audiences), beside the usual. */
  apiServerAudiences: string[];
  /** Uses and reports of one pod, a second. */
  podRatePerSecond: number;
  logLevel: LogLevel;
}

/** @throws ProblemError ConfigurationInvalid, naming every variable that is wrong */
export function readControllerConfig(environment: Environment): ControllerConfig {
  const reader = new ConfigReader(environment);
  const kubeconfig = reader.optionalText('ACTIONGRANT_KUBECONFIG');
  const config: ControllerConfig = {
    listen: reader.address('ACTIONGRANT_LISTEN', ':8443'),
    operationsListen: reader.address('ACTIONGRANT_OPERATIONS_LISTEN', ':8080'),
    namespace: reader.text('ACTIONGRANT_NAMESPACE'),
    identity: reader.text('ACTIONGRANT_POD_NAME'),
    agentNamespaces: reader.list('ACTIONGRANT_AGENT_NAMESPACES'),
    kubernetes:
      kubeconfig === undefined
        ? {
            type: 'InCluster',
            host: reader.text('KUBERNETES_SERVICE_HOST'),
            port: reader.integer('KUBERNETES_SERVICE_PORT', { min: 1, max: 65535 }, 443),
            directory: '/var/run/secrets/kubernetes.io/serviceaccount',
          }
        : { type: 'Kubeconfig', path: kubeconfig },
    servingNames: reader.list('ACTIONGRANT_SERVING_NAMES'),
    apiServerHosts: reader.list('ACTIONGRANT_API_SERVER_HOSTS'),
    apiServerAudiences: [
      'https://kubernetes.default.svc',
      'https://kubernetes.default.svc.cluster.local',
      ...reader.list('ACTIONGRANT_API_SERVER_AUDIENCES'),
    ],
    podRatePerSecond: reader.integer(
      'ACTIONGRANT_POD_RATE_PER_SECOND',
      { min: 1, max: 100_000 },
      50,
    ),
    logLevel: reader.oneOf('ACTIONGRANT_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  };
  for (const namespace of config.agentNamespaces) {
    if (namespace === config.namespace) {
      reader.complain(
        'ACTIONGRANT_AGENT_NAMESPACES',
        `must not name the controller's own namespace (${namespace})`,
      );
    }
  }
  reader.finish();
  return config;
}
