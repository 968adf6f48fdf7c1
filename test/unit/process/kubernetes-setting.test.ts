import { expect, test } from 'vitest';
import { ConfigReader } from '../../../process/config.ts';
import { readKubernetesServer } from '../../../process/kubernetes-setting.ts';

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
const inCluster = (host: string, port: number) => ({
  type: 'InCluster',
  host,
  port,
  directory: DIRECTORY,
});

test.for<[what: string, environment: Record<string, string>, server: object]>([
  [
    "the pod's own cluster",
    { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' },
    inCluster('10.96.0.1', 6443),
  ],
  [
    'port 443, unless another is named',
    { KUBERNETES_SERVICE_HOST: 'fd00::1' },
    inCluster('fd00::1', 443),
  ],
  [
    'the file that a setting names, also in a pod',
    { KUBERNETES_SERVICE_HOST: '10.96.0.1', ACTIONGRANT_KUBECONFIG: '/etc/kubeconfig' },
    { type: 'Kubeconfig', path: '/etc/kubeconfig' },
  ],
])('the API server is that of %s', ([_, environment, server]) => {
  const reader = new ConfigReader(environment);
  expect(readKubernetesServer(reader)).toEqual(server);
  reader.finish();
});

test.for<[environment: Record<string, string>, complaint: string]>([
  [{}, 'KUBERNETES_SERVICE_HOST is required'],
  [
    { KUBERNETES_SERVICE_HOST: 'h', KUBERNETES_SERVICE_PORT: 'tcp' },
    'KUBERNETES_SERVICE_PORT must be an integer from 1 to 65535',
  ],
])('%o is a complaint', ([environment, complaint]) => {
  const reader = new ConfigReader(environment);
  readKubernetesServer(reader);
  expect(() => reader.finish()).toThrow(complaint);
});
