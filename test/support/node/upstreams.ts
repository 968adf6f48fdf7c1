import { Resolver } from 'node:dns/promises';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { withLock } from '../../../scripts/lock.ts';
import { eventually } from '../eventually.ts';
import { startUpstream, type Upstream, type UpstreamOptions } from '../upstream.ts';
import { NODE_ADDRESSES, stateFiles, UPSTREAM_ADDRESSES } from './layout.ts';
import type { NodeCluster } from './node-cluster.ts';

/** CoreDNS looks every 100 ms whether the file changed. */
const RELOAD = { withinMilliseconds: 10_000, everyMilliseconds: 20 };

/** A service "on the Internet": at an address of its own, port 443, under names that CoreDNS knows. */
export interface NodeUpstream extends Upstream {
  /** Where it listens. */
  readonly address: string;
}

/**
 * Starts an HTTPS service that pods reach by its names, with a certificate that the sidecars under test trust. Its names
 * must be the test file's own.
 */
export async function startNodeUpstream(
  cluster: NodeCluster,
  options: Omit<UpstreamOptions, 'plane' | 'listen'> & { readonly port?: number },
): Promise<NodeUpstream> {
  const { port = 443, ...rest } = options;
  const { upstream, address } = await onFreeAddress((host) =>
    startUpstream({
      plane: cluster,
      authority: cluster.upstreamAuthority,
      ...rest,
      listen: { host, port },
    }),
  );
  const forget = await registerNames(cluster, rest.names, [address]);
  return {
    ...upstream,
    address,
    async close() {
      await forget();
      await upstream.close();
    },
  };
}

/** Calls `listen` with the node's further addresses until one is free, for servers of a test's own. */
export async function onFreeAddress<T>(
  listen: (ipv4: string, ipv6: string) => Promise<T>,
): Promise<{ upstream: T; address: string; ipv6: string }> {
  for (const { ipv4, ipv6 } of UPSTREAM_ADDRESSES) {
    try {
      return { upstream: await listen(ipv4, ipv6), address: ipv4, ipv6 };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
  throw new Error('every address for upstreams is taken');
}

/**
 * Tells CoreDNS that these names have these addresses (of either family), instead of any they had. Resolves once it
 * answers so, with a function that makes it forget them.
 */
export async function registerNames(
  cluster: NodeCluster,
  names: readonly string[],
  addresses: readonly string[],
): Promise<() => Promise<void>> {
  const { hosts } = stateFiles(cluster.directory);
  const others = (text: string) =>
    text.split('\n').filter((line) => line !== '' && !names.includes(line.split(' ')[1] ?? ''));
  const lines = addresses.flatMap((address) => names.map((name) => `${address} ${name}`));
  await rewrite(hosts, (text) => [...others(text), ...lines]);
  await eventually(() => checkAnswers(names, addresses), RELOAD);
  return () => rewrite(hosts, others);
}

/** @throws Error unless CoreDNS answers every name with these addresses and no others */
async function checkAnswers(names: readonly string[], addresses: readonly string[]): Promise<void> {
  const resolver = new Resolver({ tries: 1, timeout: 1_000 });
  resolver.setServers([NODE_ADDRESSES[0]]);
  for (const name of names) {
    const found = await (addresses.every(isIPv6)
      ? resolver.resolve6(name)
      : resolver.resolve4(name));
    const wanted = addresses.filter((address) => isIPv6(address) === addresses.every(isIPv6));
    if (`${found.sort()}` !== `${wanted.sort()}`) throw new Error(`${name} leads to ${found}`);
  }
}

/** Test files of several runs may share a cluster: one at a time. */
function rewrite(path: string, change: (text: string) => readonly string[]): Promise<void> {
  const replace = () => {
    const lines = change(readFileSync(path, 'utf8'));
    writeFileSync(`${path}.aside`, lines.map((line) => `${line}\n`).join(''));
    renameSync(`${path}.aside`, path);
  };
  return withLock(`${path}.lock`, replace, { everyMilliseconds: 20 });
}
