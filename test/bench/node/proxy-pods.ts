/** The same pod four times: nothing in between, our interception, and others that end TLS. */

import { INBOUND_PORTS_VARIABLE, SIDECAR_UID } from '../../../core/api/pod-layout.ts';
import { RIVALS_IMAGE } from '../../../scripts/images/images.ts';
import { ROOT } from '../../../scripts/tools.ts';
import { SIDECAR_FLAGS } from '../../support/sidecar-process.ts';
import { PLAIN } from './stage.ts';

export const PROXIES = ['direct', 'ours', 'squid', 'mitmproxy'] as const;
export type ProxyName = (typeof PROXIES)[number];

const PORT = 3129;
/** What every proxy of this kind is given: all but its own user is led to it. */
const REDIRECT = `table inet bench {
  chain output {
    type nat hook output priority -100; policy accept;
    meta skuid ${SIDECAR_UID} return
    oif lo return
    tcp dport 443 redirect to :${PORT}
  }
}`;

const SQUID = `
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=bench -keyout /tmp/key.pem -out /tmp/ca.pem 2>/dev/null
cat /tmp/ca.pem /tmp/key.pem > /tmp/both.pem
/usr/lib/squid/security_file_certgen -c -s /tmp/certificates -M 4MB
cat > /tmp/squid.conf <<END
http_port 127.0.0.1:3128
https_port ${PORT} intercept ssl-bump tls-cert=/tmp/both.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program /usr/lib/squid/security_file_certgen -s /tmp/certificates -M 4MB
ssl_bump bump all
tls_outgoing_options cafile=/tmp/origin.pem
http_access allow all
cache deny all
access_log none
cache_log /dev/null
pid_filename /tmp/squid.pid
coredump_dir /tmp
cache_effective_user nobody
END
exec squid -N -f /tmp/squid.conf`;

const MITMPROXY = `
exec mitmdump -q --mode transparent --listen-port ${PORT} --set confdir=/tmp/mitmproxy \\
  --set ssl_verify_upstream_trusted_ca=/tmp/origin.pem --set stream_large_bodies=1m`;

/** @param originCA PEM @param productImage brings net-init */
export function proxyPod(name: ProxyName, originCA: string, productImage: string): object {
  const proxy = proxyContainer(name, originCA);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: PLAIN },
    spec: {
      terminationGracePeriodSeconds: 0,
      dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
      initContainers: proxy === undefined ? [] : [filter(name, productImage), proxy],
      containers: [
        {
          name: 'load',
          image: RIVALS_IMAGE,
          imagePullPolicy: 'Never',
          command: ['sleep', 'infinity'],
          securityContext: { runAsUser: 10001 },
        },
      ],
      volumes: name === 'ours' ? [{ name: 'project', hostPath: { path: ROOT } }] : [],
    },
  };
}

function filter(name: ProxyName, productImage: string): object {
  const securityContext = { runAsUser: 0, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } };
  if (name === 'ours') {
    return {
      name: 'filter',
      image: productImage,
      imagePullPolicy: 'Never',
      args: ['dist/sidecar/net-init/main.js'],
      env: [{ name: INBOUND_PORTS_VARIABLE, value: '' }],
      securityContext,
    };
  }
  return {
    name: 'filter',
    image: RIVALS_IMAGE,
    imagePullPolicy: 'Never',
    command: ['nft', REDIRECT],
    securityContext,
  };
}

function proxyContainer(name: ProxyName, originCA: string): object | undefined {
  if (name === 'direct') return undefined;
  const container = {
    name: 'proxy',
    image: RIVALS_IMAGE,
    imagePullPolicy: 'Never',
    restartPolicy: 'Always',
    securityContext: { runAsUser: SIDECAR_UID, runAsGroup: SIDECAR_UID },
    env: [
      { name: 'ORIGIN_CA', value: originCA },
      { name: 'HOME', value: '/tmp' },
    ],
  };
  if (name === 'ours') {
    return {
      ...container,
      command: ['node', ...SIDECAR_FLAGS, `${ROOT}/test/bench/node/forwarder.ts`],
      volumeMounts: [{ name: 'project', mountPath: ROOT, readOnly: true }],
    };
  }
  const script = `printf '%s' "$ORIGIN_CA" > /tmp/origin.pem\n${name === 'squid' ? SQUID : MITMPROXY}`;
  return { ...container, command: ['sh', '-c', script] };
}
