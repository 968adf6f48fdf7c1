import { Resolver } from 'node:dns/promises';
import { eventually } from '../eventually.ts';
import { DNS_SERVICE_ADDRESSES } from './layout.ts';
import type { NodeCluster } from './node-cluster.ts';
import { opens } from './reachable.ts';

const PORT = 8080;
const SERVE = `require('node:net').createServer((socket) => socket.end()).listen(${PORT}, '::')`;
/** Each of them waits longer after every failure, up to half a minute and as much again by chance. */
const SETTLED = { withinMilliseconds: 90_000, everyMilliseconds: 250 };

/**
 * Resolves once all of the cluster's programs follow the API server again, as tests expect that come after its absence:
 * scheduler and kubelet start a pod, the controller-manager finds it for its Service, CoreDNS knows the Service, and
 * kube-proxy leads there.
 */
export async function untilSettled(cluster: NodeCluster): Promise<void> {
  const namespace = await cluster.createNamespace('settled');
  const metadata = { name: 'server', namespace, labels: { app: 'server' } };
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'server',
            image: cluster.agentImage,
            imagePullPolicy: 'Never',
            command: ['node', '--eval', SERVE],
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: 'server' }, ports: [{ port: PORT }] },
    },
  ];
  try {
    // The namespace's ServiceAccount is the controller-manager's, too.
    await eventually(() => cluster.apply(...objects), SETTLED);
    await cluster.untilPodReady(namespace, 'server', SETTLED.withinMilliseconds / 1_000);
    const resolver = new Resolver({ timeout: 1_000, tries: 1 });
    resolver.setServers([...DNS_SERVICE_ADDRESSES]);
    await eventually(async () => {
      const [address = ''] = await resolver.resolve4(`server.${namespace}.svc.cluster.local`);
      if (!(await opens(address, PORT)))
        throw new Error(`the Service at ${address} is not reached`);
    }, SETTLED);
  } finally {
    await cluster.request('DELETE', `/api/v1/namespaces/${namespace}`);
  }
}
