/** Names, addresses and files of the end-to-end tests' cluster: what its servers, its pods and the tests agree on. */

import { join } from 'node:path';

export const NODE_NAME = 'node-1';

/** Addresses of the one node; nobody else is in its network namespace but pods. */
export const NODE_ADDRESSES = ['10.200.0.1', 'fd00:200::1'] as const;
/** The default routes' gateways. Nobody answers there: whatever leaves the node is lost. */
export const GATEWAYS = ['10.200.0.254', 'fd00:200::fe'] as const;

export const POD_NETWORKS = ['10.244.0.0/16', 'fd00:244::/64'] as const;
export const SERVICE_NETWORKS = ['10.96.0.0/16', 'fd00:96::/112'] as const;
/** `kubernetes.default.svc`: the first address of each network. */
export const API_SERVICE_ADDRESSES = ['10.96.0.1', 'fd00:96::1'] as const;
export const DNS_SERVICE_ADDRESSES = ['10.96.0.10', 'fd00:96::a'] as const;

/**
 * Further addresses of the node, where tests' servers listen as if they were on the Internet (RFC 5737, RFC 3849): the
 * sidecar connects to them, as it would not to the node's or to loopback.
 */
export const UPSTREAM_ADDRESSES: readonly { ipv4: string; ipv6: string }[] = Array.from(
  { length: 40 },
  (_, index) => ({ ipv4: `203.0.113.${10 + index}`, ipv6: `2001:db8:113::${10 + index}` }),
);
/** Where clouds answer with the node's own credentials; a test's server may listen there. */
export const METADATA_ADDRESS = '169.254.169.254';

export const API_SERVER_PORT = 6443;
export const KUBELET_PORT = 10250;

export const SERVERS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet',
  'kube-proxy',
  'coredns',
] as const;
export type ServerName = (typeof SERVERS)[number];

/** Files of a cluster's state directory. */
export function stateFiles(directory: string) {
  const at = (name: string) => join(directory, name);
  return {
    /** Host's pid of the process that holds the namespaces; written by enclosure.sh. */
    holder: at('holder.pid'),
    /** Written last: the cluster is ready. */
    ready: at('node.json'),
    logs: at('logs'),
    /** Each server's pid, as seen inside. */
    pids: at('pids'),
    /** A server named here stays down when it ends. */
    held: at('held'),
    podLogs: at('pods'),
    containerd: at('containerd'),
    containerdRoot: at('containerd/root'),
    containerdSocket: at('containerd/containerd.sock'),
    kubelet: at('kubelet'),
    hosts: at('hosts'),
    resolvConf: at('resolv.conf'),
    cni: at('cni'),
    overlays: at('overlays'),
    sysctls: at('sysctls'),
  } as const;
}

/** Name of the certificate and key in the state directory that sign tests' servers. */
export const UPSTREAM_AUTHORITY = 'upstream-ca';
