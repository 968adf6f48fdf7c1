import { join } from 'node:path';
import { toolPath } from '../../../scripts/tools.ts';
import type { ControlPlane } from '../control-plane-client.ts';
import { apiServerFlags, etcdFlags } from '../server-flags.ts';
import type { ConfigurationFiles } from './configuration.ts';
import {
  API_SERVER_PORT,
  NODE_ADDRESSES,
  NODE_NAME,
  POD_NETWORKS,
  SERVICE_NETWORKS,
  stateFiles,
} from './layout.ts';
import type { Server } from './server.ts';

const ETCD_PORT = 2379;
const ETCD_PEER_PORT = 2380;

/** What stores and serves the API. */
export function apiServers(directory: string): Server[] {
  return [
    {
      name: 'etcd',
      command: toolPath('etcd'),
      args: etcdFlags(directory, ETCD_PORT, ETCD_PEER_PORT, {}),
    },
    {
      name: 'kube-apiserver',
      command: toolPath('kube-apiserver'),
      args: [
        ...apiServerFlags(directory, ETCD_PORT, API_SERVER_PORT),
        '--bind-address=::',
        `--advertise-address=${NODE_ADDRESSES[0]}`,
        `--service-cluster-ip-range=${SERVICE_NETWORKS.join(',')}`,
        '--kubelet-preferred-address-types=InternalIP',
        `--kubelet-client-certificate=${join(directory, 'kubelet-client.crt')}`,
        `--kubelet-client-key=${join(directory, 'kubelet-client.key')}`,
      ],
    },
  ];
}

/** What runs pods, given that the API is served. */
export function containerRuntime({ containerd }: ConfigurationFiles): Server {
  return { name: 'containerd', command: 'containerd', args: [`--config=${containerd}`] };
}

/** The rest of a cluster, each with the identity that the built-in roles know it by. */
export async function clusterServers(
  plane: ControlPlane,
  files: ConfigurationFiles,
): Promise<Server[]> {
  const { directory } = plane;
  const as = async (user: string, groups: readonly string[] = []) =>
    `--kubeconfig=${await plane.kubeconfigFor({ user, groups })}`;
  return [
    {
      name: 'kube-controller-manager',
      command: toolPath('kube-controller-manager'),
      args: [
        // Its many controllers have an account each in production; one that may do everything serves here.
        await as('system:kube-controller-manager', ['system:masters']),
        '--controllers=*,-node-ipam-controller',
        '--leader-elect=false',
        `--service-account-private-key-file=${join(directory, 'service-account.key')}`,
        `--root-ca-file=${join(directory, 'ca.crt')}`,
      ],
    },
    {
      name: 'kube-scheduler',
      command: toolPath('kube-scheduler'),
      args: [await as('system:kube-scheduler'), '--leader-elect=false'],
    },
    {
      name: 'kubelet',
      command: toolPath('kubelet'),
      args: [
        await as(`system:node:${NODE_NAME}`, ['system:nodes']),
        `--config=${files.kubelet}`,
        `--root-dir=${stateFiles(directory).kubelet}`,
        `--hostname-override=${NODE_NAME}`,
        `--node-ip=${NODE_ADDRESSES.join(',')}`,
      ],
    },
    {
      name: 'kube-proxy',
      command: toolPath('kube-proxy'),
      args: [
        await as('system:kube-proxy'),
        '--proxy-mode=nftables',
        `--hostname-override=${NODE_NAME}`,
        `--cluster-cidr=${POD_NETWORKS.join(',')}`,
        // These settings are the whole machine's.
        '--conntrack-max-per-core=0',
        '--conntrack-tcp-timeout-established=0',
        '--conntrack-tcp-timeout-close-wait=0',
      ],
    },
    { name: 'coredns', command: toolPath('coredns'), args: [`-conf=${files.coredns}`] },
  ];
}
