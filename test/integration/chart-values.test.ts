/** Values that are wrong are refused by the real helm, in words that name the field. */

import { describe, expect, test } from 'vitest';
import { renderChart } from '../support/chart.ts';

describe('values', () => {
  test.for<readonly [what: string, values: object, ...words: string[]]>([
    ['a misspelt section', { sidecars: {} }, 'sidecars'],
    ['a misspelt value', { rbac: { agentNamespace: [] } }, '/rbac', 'agentNamespace'],
    ['a text for a number', { controller: { replicas: 'two' } }, '/controller/replicas', 'integer'],
    ['no replica', { controller: { replicas: 0 } }, '/controller/replicas', 'minimum'],
    ['an empty image', { controller: { image: '' } }, '/controller/image'],
    [
      'a Secret for images as an object',
      { controller: { imagePullSecrets: [{ name: 'registry' }] } },
      '/controller/imagePullSecrets/0',
      'string',
    ],
    [
      "a Secret's name that is none",
      { sidecar: { imagePullSecrets: ['My,Registry'] } },
      '/sidecar/imagePullSecrets/0',
    ],
    [
      'a Secret twice',
      { sidecar: { imagePullSecrets: ['registry', 'registry'] } },
      '/sidecar/imagePullSecrets',
      'equal',
    ],
    [
      'a node label that is no text',
      { controller: { nodeSelector: { gpu: true } } },
      '/controller/nodeSelector/gpu',
      'string',
    ],
    [
      'a misspelt toleration',
      { controller: { tolerations: [{ Key: 'dedicated' }] } },
      '/controller/tolerations/0',
      'Key',
    ],
    [
      'a toleration with an operator that is none',
      { controller: { tolerations: [{ operator: 'In' }] } },
      '/controller/tolerations/0/operator',
      'Exists',
    ],
    [
      'a misspelt affinity',
      { controller: { affinity: { podAntiaffinity: {} } } },
      '/controller/affinity',
      'podAntiaffinity',
    ],
    [
      'an affinity that is not about scheduling',
      { controller: { affinity: { podAffinity: { required: [] } } } },
      '/controller/affinity/podAffinity',
      'required',
    ],
    [
      'an annotation that is no text',
      { controller: { podAnnotations: { 'example.com/on-call': true } } },
      '/controller/podAnnotations/example.com~1on-call',
      'string',
    ],
    [
      'no message a second',
      { controller: { podRatePerSecond: 0 } },
      '/controller/podRatePerSecond',
      'minimum',
    ],
    ['an image with a space', { sidecar: { image: 'a b' } }, '/sidecar/image'],
    [
      'a pull policy that is none',
      { controller: { imagePullPolicy: 'Sometimes' } },
      '/controller/imagePullPolicy',
      'IfNotPresent',
    ],
    [
      'a misspelt resource',
      { sidecar: { resources: { limit: {} } } },
      '/sidecar/resources',
      'limit',
    ],
    [
      'a quantity that is none',
      { sidecar: { resources: { limits: { memory: '96 MB' } } } },
      '/sidecar/resources/limits/memory',
    ],
    [
      'another interception',
      { sidecar: { interception: 'ExplicitProxy' } },
      '/sidecar/interception',
      'Transparent',
    ],
    [
      'a header in upper case',
      { sidecar: { inertHeaders: ['X-Tenant'] } },
      '/sidecar/inertHeaders/0',
    ],
    [
      'a host in upper case',
      { sidecar: { privateDestinations: ['Git.corp.example.com'] } },
      '/sidecar/privateDestinations/0',
    ],
    ['a bundle that is no PEM', { sidecar: { trustBundle: 'ca.crt' } }, '/sidecar/trustBundle'],
    [
      'a bundle with a private key',
      {
        sidecar: { trustBundle: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' },
      },
      '/sidecar/trustBundle',
    ],
    ['a log level that is none', { sidecar: { logLevel: 'loud' } }, '/sidecar/logLevel', 'debug'],
    [
      'a selector of every namespace',
      { injection: { namespaceSelector: { matchLabels: { 'actiongrant.dev/inject': null } } } },
      '/injection/namespaceSelector',
    ],
    [
      'a selector with an operator that is none',
      {
        injection: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Equals' }] } },
      },
      '/injection/namespaceSelector/matchExpressions/0/operator',
      'Exists',
    ],
    [
      'another certificate source',
      { webhook: { certificates: 'CertManager' } },
      '/webhook/certificates',
      'SelfManaged',
    ],
    [
      'a webhook slower than the API server waits',
      { webhook: { timeoutSeconds: 31 } },
      '/webhook/timeoutSeconds',
      'maximum',
    ],
    [
      'no pending grant',
      { limits: { maxPendingPerAgent: 0 } },
      '/limits/maxPendingPerAgent',
      'minimum',
    ],
    [
      'more ended grants than etcd holds',
      { limits: { maxFinishedPerNamespace: 1e9 } },
      '/limits/maxFinishedPerNamespace',
      'maximum',
    ],
    ...['API.Example', 'api.example:6443', 'https://api.example', 'api.example.', 'a,b'].map(
      (host) =>
        [
          `${host} as a host of the API server`,
          { apiServer: { hosts: ['2001:db8::1', 'api.example', '10.0.0.1', host] } },
          '/apiServer/hosts/3',
        ] as const,
    ),
    ['the port of metrics', { webhook: { port: 8080 } }, 'webhook.port: 8080 is where metrics'],
    [
      'a limit below the default request',
      { sidecar: { resources: { limits: { memory: '64Mi' } } } },
      'sidecar.resources.limits.memory: 64Mi is less than sidecar.resources.requests.memory, 96Mi',
    ],
    [
      'a limit below the request, in other units',
      { controller: { resources: { requests: { cpu: 1 }, limits: { cpu: '999m' } } } },
      'controller.resources.limits.cpu: 999m is less than controller.resources.requests.cpu, 1,',
    ],
    ['a port that needs root', { webhook: { port: 443 } }, '/webhook/port', 'minimum'],
    [
      'a namespace that is no name',
      { rbac: { agentNamespaces: ['Soc'] } },
      '/rbac/agentNamespaces/0',
    ],
    [
      'a namespace twice',
      { rbac: { agentNamespaces: ['soc', 'soc'] } },
      '/rbac/agentNamespaces',
      'equal',
    ],
    [
      'agents beside the controller',
      { rbac: { agentNamespaces: ['actiongrant-system'] } },
      'rbac.agentNamespaces: actiongrant-system may not be',
    ],
    [
      'agents in kube-system',
      { rbac: { agentNamespaces: ['kube-system'] } },
      'rbac.agentNamespaces: kube-system may not be',
    ],
    [
      'a monitor without the Prometheus operator',
      { metrics: { serviceMonitor: { enabled: true } } },
      'metrics.serviceMonitor.enabled: this cluster has no ServiceMonitor',
    ],
    [
      'alerts without the Prometheus operator',
      { metrics: { prometheusRule: { enabled: true } } },
      'metrics.prometheusRule.enabled: this cluster has no PrometheusRule',
    ],
    [
      'an interval that is none',
      { metrics: { podMonitor: { interval: '30' } } },
      '/metrics/podMonitor/interval',
    ],
    [
      'an address for a CIDR',
      { networkPolicy: { apiServerCIDRs: ['10.0.0.1'] } },
      '/networkPolicy/apiServerCIDRs/0',
    ],
    [
      'a peer that is none',
      { networkPolicy: { metricsFrom: [{ podLabels: {} }] } },
      '/networkPolicy/metricsFrom/0',
      'podLabels',
    ],
    [
      'an address for the CIDR of a peer',
      { networkPolicy: { admissionFrom: [{ ipBlock: { cidr: '10.0.0.1' } }] } },
      '/networkPolicy/admissionFrom/0/ipBlock/cidr',
    ],
    [
      'labels for a selector',
      { networkPolicy: { admissionFrom: [{ podSelector: { app: 'agent' } }] } },
      '/networkPolicy/admissionFrom/0/podSelector',
      'app',
    ],
    [
      'a rule that lets everything out',
      { networkPolicy: { agents: { egress: [{}] } } },
      '/networkPolicy/agents/egress/0',
      'minProperties',
    ],
    [
      'a rule that lets out to nobody, which is everybody',
      { networkPolicy: { agents: { egress: [{ to: [] }] } } },
      '/networkPolicy/agents/egress/0/to',
      'minItems',
    ],
    [
      'a rule of the other direction',
      { networkPolicy: { agents: { ingress: [{ to: [{ podSelector: {} }] }] } } },
      '/networkPolicy/agents/ingress/0',
      'to',
    ],
    [
      'a port that is none',
      { networkPolicy: { agents: { egress: [{ ports: [{ port: 0 }] }] } } },
      '/networkPolicy/agents/egress/0/ports/0/port',
    ],
    ['a limit that nothing keeps', { limits: { maxGrants: 3 } }, '/limits', 'maxGrants'],
  ])('with %s are refused', async ([, values, ...words]) => {
    const refusal = renderChart(values);
    for (const word of words) await expect(refusal).rejects.toThrow(word);
  });

  test.for([
    { requests: { memory: '64Mi' }, limits: { memory: '64Mi', cpu: '50m' } },
    { requests: { cpu: null, memory: '0.5Gi' }, limits: { cpu: '1m', memory: 536870912 } },
    { requests: null, limits: { memory: '1Ki' } },
    { limits: null },
  ])('with resources that fit are taken: %j', async (resources) => {
    await expect(renderChart({ sidecar: { resources } })).resolves.not.toEqual([]);
  });
});
