/** Configuration files of containerd, CNI, the kubelet and CoreDNS. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  DNS_SERVICE_ADDRESSES,
  KUBELET_PORT,
  NODE_ADDRESSES,
  POD_NETWORKS,
  stateFiles,
} from './layout.ts';

/** Paths of what was written. */
export interface ConfigurationFiles {
  readonly containerd: string;
  readonly kubelet: string;
  readonly coredns: string;
}

/** Writes all of them into the state directory. */
export function writeConfiguration(directory: string, pauseImage: string): ConfigurationFiles {
  const files = stateFiles(directory);
  const write = (path: string, content: string): string => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  write(join(files.cni, '10-pods.conflist'), JSON.stringify(podNetwork(directory)));
  write(files.hosts, '');
  // For pods with dnsPolicy Default.
  write(files.resolvConf, `nameserver ${NODE_ADDRESSES[0]}\n`);
  return {
    containerd: write(join(files.containerd, 'config.toml'), containerd(directory, pauseImage)),
    kubelet: write(join(files.kubelet, 'config.json'), JSON.stringify(kubelet(directory))),
    coredns: write(join(directory, 'Corefile'), corefile(directory)),
  };
}

function containerd(directory: string, pauseImage: string): string {
  const files = stateFiles(directory);
  return `version = 2
root = "${files.containerdRoot}"
state = "/run/containerd-state"
[grpc]
  address = "${files.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${files.containerd}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, runc can't lower a score.
  restrict_oom_score_adj = true
  disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${files.cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
}

/** A routed link for each pod: two pods talk by way of the node, where Services are translated. */
function podNetwork(directory: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          dataDir: join(stateFiles(directory).cni, 'leases'),
          ranges: POD_NETWORKS.map((subnet) => [{ subnet }]),
          routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
        },
      },
    ],
  };
}

function kubelet(directory: string): object {
  const files = stateFiles(directory);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    port: KUBELET_PORT,
    readOnlyPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(directory, 'client-ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${files.containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    // enclosure.sh makes it and removes it with what is below.
    cgroupRoot: `/${basename(directory)}`,
    failCgroupV1: false,
    failSwapOn: false,
    protectKernelDefaults: true,
    clusterDomain: 'cluster.local',
    clusterDNS: DNS_SERVICE_ADDRESSES.slice(0, 1),
    resolvConf: files.resolvConf,
    podLogsDir: files.podLogs,
    staticPodPath: '',
    // The machine's disk is its owner's business.
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    maxPods: 200,
    // Tests wait for these.
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '2s',
    registryPullQPS: 0,
    serializeImagePulls: false,
    logging: { verbosity: 1 },
  };
}

/** Every question is logged: tests prove by it which names were asked. */
function corefile(directory: string): string {
  return `cluster.local in-addr.arpa ip6.arpa {
  log
  errors
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${join(directory, 'admin.kubeconfig')} test
    ttl 5
  }
}
. {
  log
  errors
  hosts ${stateFiles(directory).hosts} {
    ttl 1
    reload 100ms
  }
}
`;
}
