/** Where the API server is and who we are to it: from a kubeconfig, or from inside a pod. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { holdsCertificates } from '../text/pem.ts';
import { withBrackets } from '../text/url.ts';

/** Where the API server is and who we are to it. */
export type KubernetesServer =
  | { type: 'Kubeconfig'; path: string; context?: string }
  /** `directory` holds `token` and `ca.crt`; they are read again when they rotate. */
  | { type: 'InCluster'; host: string; port: number; directory: string };

/** What a connection needs. Holds credentials: never log. */
export interface ServerAccess {
  /** Scheme, host and port. */
  origin: string;
  /** '' or a path that precedes every request's, without a slash at its end. */
  basePath: string;
  tls: TlsOptions;
  proxyUrl?: string;
  /** Credentials, and impersonation if the kubeconfig asks for it. */
  headers: Record<string, string>;
}

export interface TlsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** Called again and again: answers with what holds now. */
export type ReadServerAccess = () => Promise<ServerAccess>;

/** @throws Error of a kubeconfig that cannot be read or used; its message may show lines of the file */
export function serverAccessReader(server: KubernetesServer): Promise<ReadServerAccess> {
  return server.type === 'InCluster' ? Promise.resolve(inCluster(server)) : kubeconfig(server);
}

/** The bearer token with which we speak to the server; undefined if we have none, but a certificate. @throws Error */
export async function readOwnToken(server: KubernetesServer): Promise<string | undefined> {
  const { headers } = await (await serverAccessReader(server))();
  return /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1];
}

/** @throws Error with a code if the server could never be verified; what the CA holds is not in it */
export function checkAccess({ tls }: ServerAccess): void {
  if (tls.ca === undefined || holdsCertificates(tls.ca.toString())) return;
  throw Object.assign(new Error('the CA holds no certificate'), { code: 'CA_NOT_PEM' });
}

/**
 * A pod's own ServiceAccount. Read here and not by @kubernetes/client-node, whose import costs 0.6 s and 60 MB: more than
 * everything else that a controller loads.
 */
function inCluster(server: KubernetesServer & { type: 'InCluster' }): ReadServerAccess {
  const origin = `https://${withBrackets(server.host)}:${server.port}`;
  return async () => {
    const [token, ca] = await Promise.all([
      readFile(join(server.directory, 'token'), 'utf8'),
      readFile(join(server.directory, 'ca.crt')),
    ]);
    return {
      origin,
      basePath: '',
      tls: { ca },
      headers: { authorization: `Bearer ${token.trim()}` },
    };
  };
}

/** What kubectl reads too: certificates, tokens, token files, exec plugins, HTTP proxies. */
async function kubeconfig(
  server: KubernetesServer & { type: 'Kubeconfig' },
): Promise<ReadServerAccess> {
  const library = await import('@kubernetes/client-node');

  /** Works out credentials and TLS, but makes no dispatcher: the library makes one a call. */
  class Credentials extends library.KubeConfig {
    tls: TlsOptions = {};

    override createDispatcherOptions(
      ...[cluster, options]: Parameters<KubeConfig['createDispatcherOptions']>
    ): ReturnType<KubeConfig['createDispatcherOptions']> {
      const made = super.createDispatcherOptions(cluster, options);
      this.tls = pickTls(options);
      if (made.type === 'socks') throw new Error('the kubeconfig asks for a SOCKS proxy');
      return { type: 'none' };
    }
  }

  const config = new Credentials();
  config.loadFromFile(server.path);
  if (server.context !== undefined) config.setCurrentContext(server.context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no cluster');
  const url = new URL(cluster.server);
  return async () => {
    const context = new library.RequestContext(cluster.server, library.HttpMethod.GET);
    await config.applySecurityAuthentication(context);
    const headers = Object.entries(context.getHeaders());
    return {
      origin: url.origin,
      basePath: url.pathname.replace(/\/+$/, ''),
      tls: config.tls,
      ...(cluster.proxyUrl ? { proxyUrl: cluster.proxyUrl } : {}),
      headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    };
  };
}

function pickTls(options: TlsOptionsSource): TlsOptions {
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
  return {
    ...(isText(ca) ? { ca } : {}),
    ...(isText(cert) ? { cert } : {}),
    ...(isText(key) ? { key } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

/** Of node:https' AgentOptions, what matters here; it allows more types than KubeConfig uses. */
interface TlsOptionsSource {
  ca?: unknown;
  cert?: unknown;
  key?: unknown;
  passphrase?: string | undefined;
  servername?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
}

function isText(value: unknown): value is string | Buffer {
  return typeof value === 'string' || Buffer.isBuffer(value);
}
