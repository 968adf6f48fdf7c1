import type { ControlPlane } from '../control-plane-client.ts';
import { DNS_SERVICE_ADDRESSES, NODE_ADDRESSES } from './layout.ts';

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const PORTS = [
  { name: 'dns', protocol: 'UDP', port: 53 },
  { name: 'dns-tcp', protocol: 'TCP', port: 53 },
];

/** The cluster's DNS Service; CoreDNS is a process on the node, so its endpoints are written by hand. */
export async function createDNSService(plane: ControlPlane): Promise<void> {
  await plane.api('POST', `/api/v1/namespaces/${NAMESPACE}/services`, {
    metadata: { name: NAME, labels: { 'k8s-app': 'kube-dns' } },
    spec: {
      clusterIP: DNS_SERVICE_ADDRESSES[0],
      clusterIPs: DNS_SERVICE_ADDRESSES,
      ipFamilyPolicy: 'RequireDualStack',
      ports: PORTS,
    },
  });
  for (const address of NODE_ADDRESSES) {
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    await plane.api('POST', `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`, {
      metadata: {
        name: `${NAME}-${family.toLowerCase()}`,
        labels: { 'kubernetes.io/service-name': NAME },
      },
      addressType: family,
      endpoints: [{ addresses: [address] }],
      ports: PORTS,
    });
  }
}
