import type { KubernetesServer } from '../core/kubernetes/server.ts';
import type { ConfigReader } from './config.ts';

/** Where the API server is: that of the pod's own cluster, unless ACTIONGRANT_KUBECONFIG names a file. Complains to the reader. */
export function readKubernetesServer(reader: ConfigReader): KubernetesServer {
  const kubeconfig = reader.optionalText('ACTIONGRANT_KUBECONFIG');
  if (kubeconfig !== undefined) return { type: 'Kubeconfig', path: kubeconfig };
  return {
    type: 'InCluster',
    host: reader.text('KUBERNETES_SERVICE_HOST'),
    port: reader.integer('KUBERNETES_SERVICE_PORT', { min: 1, max: 65535 }, 443),
    directory: '/var/run/secrets/kubernetes.io/serviceaccount',
  };
}
