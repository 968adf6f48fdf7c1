/** The agent: an ordinary HTTP client that is told of a proxy and its CA, and knows nothing of grants or tokens. */

import { readFileSync } from 'node:fs';
import { ProxyAgent, request } from 'undici';
import type { SidecarProcess } from '../test/support/product.ts';

export interface AgentAnswer {
  status: number;
  text: string;
  /** Parsed, if it is JSON. */
  json: Record<string, unknown> | undefined;
}

export interface DemoAgent {
  call(method: string, url: string, body?: unknown): Promise<AgentAnswer>;
  close(): Promise<void>;
}

export function createAgent(sidecar: SidecarProcess): DemoAgent {
  const dispatcher = new ProxyAgent({
    uri: sidecar.proxyURL,
    requestTls: { ca: readFileSync(sidecar.caFile, 'utf8') },
  });
  return {
    async call(method, url, body) {
      const response = await request(url, {
        method: method as 'GET',
        dispatcher,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      const text = await response.body.text();
      return { status: response.statusCode, text, json: parse(text) };
    },
    close: () => dispatcher.close(),
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
