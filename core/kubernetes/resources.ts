/** Built-in kinds, reduced to the fields that are used. */

import type { KubernetesObject, ObjectMeta, Resource } from './object.ts';

export interface Secret extends KubernetesObject {
  type?: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

export interface ConfigMap extends KubernetesObject {
  binaryData?: Record<string, string>;
  data?: Record<string, string>;
  immutable?: boolean;
}

export interface ServiceAccount extends KubernetesObject {
  automountServiceAccountToken?: boolean;
}

export type Namespace = KubernetesObject;

export interface Lease extends KubernetesObject {
  metadata?: ObjectMeta;
  spec?: LeaseSpec;
}

/** coordination.k8s.io/v1. Times are MicroTime: RFC 3339 with microseconds. */
export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
};

export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

export const serviceAccounts: Resource<ServiceAccount> = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

export const namespaces: Resource<Namespace> = {
  group: '',
  version: 'v1',
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** discovery.k8s.io/v1: behind which addresses a Service answers. */
export interface EndpointSlice extends KubernetesObject {
  endpoints?: { addresses: string[] }[];
}

export const endpointSlices: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};

/** What a namespace asks of the resources of each container or pod. */
export interface LimitRange extends KubernetesObject {
  spec?: { limits?: readonly LimitRangeItem[] };
}

export interface LimitRangeItem {
  type?: string;
  /** Of limits that a container leaves open. */
  default?: Quantities;
  defaultRequest?: Quantities;
  min?: Quantities;
  max?: Quantities;
  maxLimitRequestRatio?: Quantities;
}

export type Quantities = Readonly<Record<string, string>>;

export interface ResourceQuota extends KubernetesObject {
  /** With `scopes` or a `scopeSelector` it is about some pods only. */
  spec?: { hard?: Quantities; scopes?: readonly string[]; scopeSelector?: object };
}

export const limitRanges: Resource<LimitRange> = {
  group: '',
  version: 'v1',
  resource: 'limitranges',
  kind: 'LimitRange',
  namespaced: true,
};

export const resourceQuotas: Resource<ResourceQuota> = {
  group: '',
  version: 'v1',
  resource: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
};

/** admissionregistration.k8s.io/v1, of either kind. */
export interface WebhookConfiguration extends KubernetesObject {
  webhooks?: readonly RegisteredWebhook[];
}

export interface RegisteredWebhook {
  name: string;
  clientConfig: { caBundle?: string };
  rules?: readonly {
    apiGroups?: readonly string[];
    operations?: readonly string[];
    resources?: readonly string[];
  }[];
  namespaceSelector?: object;
  objectSelector?: object;
}

const admissionRegistration = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  namespaced: false,
} as const;

export const mutatingWebhookConfigurations: Resource<WebhookConfiguration> = {
  ...admissionRegistration,
  resource: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
};

export const validatingWebhookConfigurations: Resource<WebhookConfiguration> = {
  ...admissionRegistration,
  resource: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
};
