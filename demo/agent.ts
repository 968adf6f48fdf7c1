/** The agent: ordinary clients that know nothing of grants or tokens. */

import { readFileSync } from 'node:fs';
import { ProxyAgent, request } from 'undici';
import type { ControlPlane, KubectlResult } from '../test/support/control-plane-client.ts';
import type { SidecarProcess } from '../test/support/product.ts';

export interface AgentAnswer {
  status: number;
  text: string;
  /** Parsed, if it is JSON. */
  json: Record<string, unknown> | undefined;
}

export interface DemoAgent {
  call(method: string, url: string, body?: unknown): Promise<AgentAnswer>;
  kubectl(args: readonly string[]): Promise<KubectlResult>;
  close(): Promise<void>;
}

/** An agent that is a client in this process, told of its sidecar's proxy and CA. */
export function createProxiedAgent(
  plane: ControlPlane,
  sidecar: SidecarProcess,
  kubeconfig: string,
): DemoAgent {
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
      return agentAnswer(response.statusCode, await response.body.text());
    },
    kubectl: (args) => plane.kubectl(args, { as: kubeconfig }),
    close: () => dispatcher.close(),
  };
}

export function agentAnswer(status: number, text: string): AgentAnswer {
  return { status, text, json: parse(text) };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
