/** `/metrics`, `/healthz` and `/readyz`, over plain HTTP for kubelet and Prometheus. */

import type { Server } from 'node:http';
import type { Registry } from './metrics.ts';
import { http } from './node-http.ts';

export interface OperationsOptions {
  registry: Registry;
  /** What is missing before traffic may come; empty: ready. */
  notReady(): string[];
}

/** A connection without a request is soon closed. Otherwise whoever reaches this port could hold every connection, and the kubelet would get none. */
const LIMITS = { headersTimeout: 2_000, requestTimeout: 2_000, connectionsCheckingInterval: 500 };

export function createOperationsServer({ registry, notReady }: OperationsOptions): Server {
  return http.createServer(LIMITS, (request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(text);
    };
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET');
      return answer(405, 'GET only\n');
    }
    switch (request.url) {
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const missing = notReady();
        return missing.length === 0
          ? answer(200, 'ok\n')
          : answer(503, `not ready: ${missing.join(', ')}\n`);
      }
      case '/metrics':
        registry.metrics().then(
          (text) => answer(200, text, registry.contentType),
          () => answer(500, 'the metrics could not be read\n'),
        );
        return;
      default:
        return answer(404, 'not found; try /metrics, /healthz or /readyz\n');
    }
  });
}
