import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIDECAR_PORTS } from '../../../core/api/pod-layout.ts';
import type { Case } from '../../attack/corpus.ts';
import { h2Connection } from '../../attack/h2-frames.ts';
import type { AgentPod } from './agent-pod.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'raw-calls.py'), 'utf8');
/** Where the sidecar takes calls from clients that know of a proxy. */
export const EXPLICIT_PROXY = ['127.0.0.1', SIDECAR_PORTS.explicitProxy] as const;
const ALL_MILLISECONDS = 60_000;

/** Bytes for somebody, as an agent without any client sends them. */
export interface RawCall {
  /** A name, which is looked up, or an address. */
  readonly to: readonly [host: string, port: number];
  /** Target of a CONNECT that comes first. */
  readonly connect?: string;
  readonly tls?: { readonly serverName: string | false; readonly protocol: 'http/1.1' | 'h2' };
  /** Latin-1: a character a byte. */
  readonly data: string;
  /** Whether to wait for the other end to close, and not just for silence after an answer. */
  readonly untilClosed?: boolean;
}

/** What came back until nothing more came, in Latin-1; and the error that ended it, if one did. */
export interface RawAnswer {
  readonly received: string;
  /** Whether the other end closed the connection: not if it was just silent, or spoke no TLS. */
  readonly closed: boolean;
  readonly error?: string;
}

/** Makes all of the calls at once in a pod, as its user. @throws Error with what the container's Python says if that fails */
export async function rawCalls<Name extends string>(
  pod: AgentPod,
  calls: Readonly<Record<Name, RawCall>>,
): Promise<Record<Name, RawAnswer>> {
  const { code, stdout, stderr } = await pod.run(['python3', '-c', PROGRAM], {
    input: JSON.stringify(calls),
    timeoutMilliseconds: ALL_MILLISECONDS,
  });
  if (code !== 0) throw new Error(`no call could be made in ${pod.name}: ${stderr}`);
  return JSON.parse(stdout) as Record<Name, RawAnswer>;
}

/**
 * A case of the attack corpus for a connection that is redirected: the name of its tunnel is looked up and connected to. One
 * without a tunnel is for the explicit proxy.
 */
export function corpusCall({ request, connect, sni }: Case): RawCall {
  const data = (request.version === 1 ? request.bytes : h2Connection(request)).toString('latin1');
  if (connect === null) return { to: EXPLICIT_PROXY, data };
  const [host = '', port = ''] = connect.split(':');
  const protocol = request.version === 1 ? 'http/1.1' : 'h2';
  return { to: [host, Number(port)], tls: { serverName: sni, protocol }, data };
}

/** TLS of a {@link RawCall} for a name. */
export function tlsFor(serverName: string, protocol: 'http/1.1' | 'h2' = 'http/1.1') {
  return { tls: { serverName, protocol } } as const;
}

/** A GET in HTTP/1.1, with more header lines. */
export function getBytes(host: string, target: string, ...headers: string[]): string {
  return `${[`GET ${target} HTTP/1.1`, `Host: ${host}`, ...headers].join('\r\n')}\r\n\r\n`;
}

/** A whole HTTP/2 connection with one GET. */
export function h2Get(authority: string, path: string): string {
  const headers = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', path],
  ] as const;
  return h2Connection({ headers }).toString('latin1');
}

/** What was received, as it was. */
export function bytesOf(received: string): Buffer {
  return Buffer.from(received, 'latin1');
}
