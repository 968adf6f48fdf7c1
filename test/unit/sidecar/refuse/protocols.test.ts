import { describe, expect, it } from 'vitest';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { Caller } from '../../../../sidecar/refuse/caller.ts';
import { protocolOf, REFUSAL_PROTOCOLS } from '../../../../sidecar/refuse/protocols.ts';
import { callerOf, HEADS } from './render.ts';

const context = {
  kubernetes: { authorities: ['kubernetes.default.svc:443', '[fd00::1]:6443'] },
  searchDomains: ['soc.svc.cluster.local', 'svc.cluster.local'],
};

function aHead(changes: Partial<RequestHead> = {}): RequestHead {
  return {
    via: 'connect',
    httpVersion: '1.1',
    scheme: 'https',
    connectAuthority: 'edr.example.com:443',
    method: 'GET',
    target: '/',
    rawHeaders: ['host', 'edr.example.com'],
    ...changes,
  };
}

const sending = (headers: Record<string, string>) =>
  aHead({ rawHeaders: ['host', 'a', ...Object.entries(headers).flat()] });
const sigV4 = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=AKID/20261130/us-east-1/${service}/aws4_request, Signature=0`;
const userAgent = (text: string) => aHead({ rawHeaders: ['host', 'a', 'User-Agent', text] });
/** A redirected connection's call. */
const redirected = (destination: NonNullable<RequestHead['destination']>): RequestHead => {
  const { connectAuthority: _, ...head } = aHead({ via: 'transparent', destination });
  return head;
};

describe('a caller speaks', () => {
  it.each<[string, string, RequestHead]>([
    ['http', 'of nobody known', aHead()],
    ['http', 'of a client without a User-Agent', aHead({ rawHeaders: [] })],
    ['http', 'of a client with another User-Agent', userAgent('curl/8.5.0')],
    ['http', 'of a client whose name only begins alike', userAgent('git-lfs/3.4.1')],
    ['http', 'of a client that names git later on', userAgent('agent/1 git/2.47.0')],
    [
      'http',
      'with a value that is not of the User-Agent',
      aHead({ rawHeaders: ['x', 'user-agent', 'git/2', ''] }),
    ],
    ['git', 'of git', userAgent('git/2.47.0')],
    ['npm', 'of npm', userAgent('npm/10.9.0 node/v24.0.0 linux x64')],
    [
      'kubernetes',
      'to the API server through a tunnel',
      aHead({ connectAuthority: 'Kubernetes.Default.SVC.:443' }),
    ],
    [
      'http',
      'to its host at another port',
      aHead({ connectAuthority: 'kubernetes.default.svc:80' }),
    ],
    [
      'kubernetes',
      'to the API server by its full name',
      redirected({ name: 'kubernetes.default.svc.svc.cluster.local', port: 443 }),
    ],
    [
      'kubernetes',
      'to the API server by its address',
      redirected({ address: 'fd00::1', synthetic: false, port: 6443 }),
    ],
    ['grpc', 'of gRPC', sending({ 'Content-Type': 'application/grpc' })],
    ['grpc', 'of gRPC-Web', sending({ 'content-type': 'application/grpc-web+proto; x=y' })],
    [
      'http',
      'with a type that only begins alike',
      sending({ 'content-type': 'application/grpc\tx' }),
    ],
    ['goModules', 'of the go command', aHead({ target: '/example.com/x/@v/list' })],
    ['goModules', 'of the go command to a proxy', aHead({ target: 'http://proxy.test/x/@latest' })],
    ['http', 'with an @v in its query', aHead({ target: '/x?y=/@v/z' })],
    [
      'awsXML',
      'to a public bucket',
      aHead({ connectAuthority: 'b.s3.eu-central-1.amazonaws.com:443' }),
    ],
    [
      'http',
      'to a host that only begins alike',
      aHead({ connectAuthority: 's3.amazonaws.com.evil.test:443' }),
    ],
    [
      'awsXML',
      'by a presigned URL',
      aHead({
        target:
          '/b/k?X-Amz-Credential=AKID%2F20261130%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=x',
      }),
    ],
    [
      'awsXML',
      "of AWS' Query protocol",
      sending({
        authorization: sigV4('sts'),
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      }),
    ],
    [
      'awsXML',
      'signed for every region',
      sending({ authorization: 'AWS4-ECDSA-P256-SHA256 Credential=AKID/20261130/s3/aws4_request' }),
    ],
    [
      'http',
      "of AWS' JSON protocol",
      sending({ authorization: sigV4('dynamodb'), 'content-type': 'application/x-amz-json-1.0' }),
    ],
    ['http', "of AWS' REST-JSON protocol", sending({ authorization: sigV4('lambda') })],
    ['http', 'of any other form', sending({ 'content-type': 'application/x-www-form-urlencoded' })],
    [
      'graphql',
      'that asks for GraphQL',
      sending({ accept: 'application/json, application/graphql-response+json; charset=utf-8' }),
    ],
    ['mcp', 'with a header of MCP', sending({ 'Mcp-Session-Id': 'x' })],
    ['http', 'for events', sending({ accept: 'text/event-stream' })],
    [
      'kubernetes',
      'of git to the API server',
      { ...userAgent('git/2.47.0'), connectAuthority: 'kubernetes.default.svc:443' },
    ],
    [
      'http',
      'to an address that stands for no name any more',
      redirected({ address: '198.18.0.1', synthetic: true, port: 443 }),
    ],
  ])('%s in a call %s', (protocol, _, head) => {
    const read = readHead(head, context.searchDomains);
    expect(protocolOf(new Caller(read, context.kubernetes.authorities))).toBe(protocol);
  });
});

it('every caller speaks one of them, and the one of everybody comes last', () => {
  expect(Object.keys(REFUSAL_PROTOCOLS).at(-1)).toBe('http');
  for (const [name, head] of Object.entries(HEADS)) expect(protocolOf(callerOf(head))).toBe(name);
});
