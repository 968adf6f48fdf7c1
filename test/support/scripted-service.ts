/** A service whose every path does what its test says; it asks nobody whose token it is given. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startUpstream } from '../unit/sidecar/forward/upstreams.ts';

export type Script = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface ScriptedService {
  readonly port: number;
  /** Connections so far, and open now; 0 for plain HTTP. */
  readonly connections: number;
  readonly open: number;
  /** Every request, as `POST /path`. */
  readonly seen: readonly string[];
  /** Every bearer token it was given. */
  readonly tokens: readonly string[];
  on(path: string, script: Script): void;
  close(): Promise<void>;
}

/** Its certificate is of `upstreamCA()`; plain HTTP has none. */
export async function startScriptedService(
  protocol: 'h1' | 'h2' | 'plain',
  ...names: string[]
): Promise<ScriptedService> {
  const scripts = new Map<string, Script>();
  const seen: string[] = [];
  const tokens: string[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method, url = '', headers } = request;
    seen.push(`${method} ${url}`);
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (token !== undefined) tokens.push(token);
    // Clients that go away are what some tests are about.
    request.on('error', () => {});
    response.on('error', () => {});
    const script = scripts.get(url);
    if (script === undefined) {
      response.writeHead(500).end('no test said what to do');
      return;
    }
    Promise.resolve(script(request, response)).catch(() => response.destroy());
  };
  const server =
    protocol === 'plain' ? await startPlain(handle) : await startUpstream(protocol, handle, names);
  return {
    port: server.port,
    get connections() {
      return server.connections;
    },
    get open() {
      return server.open;
    },
    seen,
    tokens,
    on: (path, script) => void scripts.set(path, script),
    close: () => server.close(),
  };
}

async function startPlain(handle: Script) {
  const server: Server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    open: 0,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
