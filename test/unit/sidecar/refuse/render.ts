import type { ProblemError } from '../../../../core/api/problem.ts';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';
import { Caller } from '../../../../sidecar/refuse/caller.ts';
import type { RefusalProtocolName } from '../../../../sidecar/refuse/protocols.ts';
import { renderRefusal } from '../../../../sidecar/refuse/refuse.ts';
import { aHead, aKubernetesHead } from '../describe/heads.ts';

export const API_SERVER = ['kubernetes.default.svc:443', '[fd00::1]:6443'];
export const LOG_COMMAND = 'kubectl -n soc logs agent-0 -c actiongrant';

/** A head of a caller of each protocol. */
export const HEADS: Readonly<Record<RefusalProtocolName, RequestHead>> = {
  kubernetes: aKubernetesHead('GET', '/api/v1/pods'),
  grpc: aHead({ method: 'POST', headers: { 'content-type': 'application/grpc+proto' } }),
  git: aHead({ headers: { 'user-agent': 'git/2.47.0' } }),
  npm: aHead({ headers: { 'user-agent': 'npm/10.9.0 node/v24.0.0 linux x64' } }),
  goModules: aHead({ target: '/example.com/x/@v/v1.0.0.info' }),
  awsXML: aHead({
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKID/20261130/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0',
    },
  }),
  graphql: aHead({
    method: 'POST',
    headers: { accept: 'application/graphql-response+json,application/json;q=0.9' },
  }),
  mcp: aHead({
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
  }),
  http: aHead({}),
};

export const callerOf = (head: RequestHead) => new Caller(readHead(head, []), API_SERVER);

/** What a caller is answered, the body as text. There is room for it, unless `room` says less. */
export function render(
  problem: ProblemError,
  to: RefusalProtocolName | RequestHead,
  room = 1_000_000,
) {
  const head = typeof to === 'string' ? HEADS[to] : to;
  const refusal = renderRefusal(
    { problem, attempted: 'GET https://edr.example.com/', logCommand: LOG_COMMAND },
    callerOf(head),
    new MemoryBudget(room).hold(),
  );
  return { ...refusal, body: Buffer.from(refusal.body).toString() };
}

export const header = (refusal: ReturnType<typeof render>, name: string) =>
  refusal.headers.find(([n]) => n === name)?.[1];
