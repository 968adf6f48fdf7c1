/** Through an upgrade, a call keeps the form in which the sidecar tells it to the controller, and in which it goes upstream. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import type { UpstreamHead } from '../../../../sidecar/describe/description.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, aKubernetesHead, aRedirectedHead, CONTEXT, describeHead } from './heads.ts';

interface ReleasedCall {
  to: 'http' | 'redirected' | 'kubernetes';
  method: string;
  target: string;
  headers: string;
  body?: string;
  sent: string;
  wire?: string;
  canonicalBody?: string;
}

const CALLS: ReleasedCall[] = parse(
  readFileSync(new URL('released-calls.yaml', import.meta.url), 'utf8'),
);

function headOf({ to, method, target, headers: given, body }: ReleasedCall): RequestHead {
  const headers: Record<string, string> = {
    ...JSON.parse(given),
    ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
  };
  switch (to) {
    case 'http':
      return aHead({ method, target, headers });
    case 'kubernetes':
      return aKubernetesHead(method, target, headers);
    case 'redirected': {
      const rawHeaders = ['Host', 'edr', ...Object.entries(headers).flat()];
      const destination = { name: 'edr.soc.svc.cluster.local', port: 443 };
      return aRedirectedHead(destination, 'edr', { method, target, rawHeaders });
    }
  }
}

/** As a person would write a request. */
function written({ method, scheme, host, port, path, headers }: UpstreamHead): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${scheme}://${host}:${port}${path}`, ...lines, ''].join('\n');
}

describe('as in earlier releases', () => {
  it.each(CALLS)('$to: $method $target $headers', (call) => {
    const described = describeHead(headOf(call), CONTEXT);
    expect(written(described.upstream)).toBe(call.sent);
    if (described.kind === 'discovery') {
      expect(call.wire).toBeUndefined();
      return;
    }
    const body = call.body === undefined ? 'none' : Buffer.from(call.body);
    const { action, canonicalBody } = describeBody(described, body);
    expect(JSON.stringify(action)).toBe(call.wire);
    expect(canonicalBody && Buffer.from(canonicalBody).toString()).toBe(call.canonicalBody);
  });
});
