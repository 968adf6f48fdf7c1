import { join } from 'node:path';

/** The `iss` of every ServiceAccount token of a test cluster. */
export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc';

/** An audience of the API server that is not its issuer, as clusters in clouds have. Nobody but the API server says so. */
export const FURTHER_API_AUDIENCE = 'https://container.example/v1/projects/p/clusters/c';

export interface ControlPlaneOptions {
  /**
   * Makes etcd flush every write, as production does. Tests go without (an fsync is most of a
   * write's time and only matters when the machine itself crashes); benchmarks turn it on, and get
   * servers as production has them.
   */
  readonly fsync?: boolean;
  /** Further kube-apiserver flags; they come last, so they win. */
  readonly apiServerFlags?: readonly string[];
}

export function etcdFlags(
  directory: string,
  clientPort: number,
  peerPort: number,
  { fsync = false }: ControlPlaneOptions,
): string[] {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=warn',
    ...(fsync ? [] : ['--unsafe-no-fsync']),
  ];
}

/** Most of what a young API server works on is garbage collection; tests have the memory to do with less of it. */
export function serverEnvironment({ fsync = false }: ControlPlaneOptions): Record<string, string> {
  return fsync ? {} : { GOGC: '400' };
}

export function apiServerFlags(directory: string, etcdPort: number, port: number): string[] {
  const file = (name: string) => join(directory, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    // RFC 5737 TEST-NET-1: it must not be loopback, nobody connects to it, and naming it keeps the
    // API server from looking for a default route that a machine without network lacks.
    '--advertise-address=192.0.2.1',
    `--cert-dir=${directory}`,
    `--tls-cert-file=${file('serving.crt')}`,
    `--tls-private-key-file=${file('serving.key')}`,
    `--client-ca-file=${file('client-ca.crt')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
    `--service-account-key-file=${file('service-account.pub')}`,
    `--service-account-signing-key-file=${file('service-account.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--profiling=false',
  ];
}
