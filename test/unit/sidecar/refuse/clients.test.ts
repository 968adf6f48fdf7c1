/**
 * Which part of an answer each client shows its user: found out with the clients themselves, in the versions that
 * docs/how-to/clients.md names. Each row has a head as the client sends it, and reads of the answer what the client reads.
 */

import { STATUS_CODES } from 'node:http';
import { expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead } from '../describe/heads.ts';
import { HEADS, header, render } from './render.ts';

const DETAIL = 'No approved grant <of this agent> covers 100% of it.';
const problem = new ProblemError('GrantRequired', DETAIL, { manifest: 'kind: x\n' });

type Answer = ReturnType<typeof render>;

const sends = (headers: Record<string, string>, method = 'POST') => aHead({ method, headers });
/** The body, if its type is one of those that the client parses. */
const parsed = (answer: Answer, types: RegExp) =>
  types.test(header(answer, 'content-type') ?? '') ? JSON.parse(answer.body) : {};
const statusLine = ({ status, reason }: Answer) => `${status} ${STATUS_CODES[status]}: ${reason}`;
const element = (answer: Answer, path: string) => {
  const [, text = ''] = new RegExp(path.split(' ').join('.*')).exec(answer.body) ?? [];
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
};

it.each<[string, RequestHead, (answer: Answer) => unknown]>([
  // openai/_client.py and src/core/error.ts: `error` of the body, then its `message`
  ['OpenAI', sends({ accept: 'application/json' }), (a) => parsed(a, /json/).error.message],
  // @anthropic-ai/sdk, error.ts: `error.message` of the body
  ['Anthropic', sends({ accept: 'application/json' }), (a) => parsed(a, /json/).error.message],
  // stripe-node, src/RequestSender.ts
  ['Stripe', sends({ accept: 'application/json' }), (a) => JSON.parse(a.body).error.message],
  // @octokit/request, fetch-wrapper: parses application/json only
  [
    'octokit',
    sends({ accept: 'application/vnd.github.v3+json' }, 'GET'),
    (a) => parsed(a, /^application\/json/).message,
  ],
  // go-gh, pkg/api/errors.go: [/+]json
  ['gh', sends({ accept: '*/*' }), (a) => parsed(a, /[/+]json(?:;|$)/).message],
  // botocore/parsers.py, BaseJSONParser: `message` or `Message`
  [
    'boto3, JSON',
    sends({
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      'content-type': 'application/x-amz-json-1.0',
    }),
    (a) => JSON.parse(a.body).message,
  ],
  // botocore/parsers.py, RestXMLParser: the root is Error
  [
    'boto3, S3',
    HEADS.awsXML,
    (a) => element(a, '<Error><Code>GrantRequired</Code> ?<Message>([^<]*)</Message>'),
  ],
  // aws-sdk-go-v2, protocol/xml: Error>Code
  [
    'Go, STS',
    sends({
      authorization: 'AWS4-HMAC-SHA256 Credential=A/20261130/us-east-1/sts/aws4_request',
      'content-type': 'application/x-www-form-urlencoded',
    }),
    (a) =>
      element(
        a,
        '^<[?][^>]*>\\s<Error> <Error><Type>Sender</Type> <Message>([^<]*)</Message> </Error><Errors>',
      ),
  ],
  [
    'boto3, EC2',
    sends({
      authorization: 'AWS4-HMAC-SHA256 Credential=A/20261130/us-east-1/ec2/aws4_request',
      'content-type': 'application/x-www-form-urlencoded',
    }),
    (a) => element(a, '<Errors><Error> <Message>([^<]*)</Message></Error></Errors>'),
  ],
  // google-api-core, exceptions.py: from_http_response
  ['google-cloud', sends({ accept: '*/*' }, 'GET'), (a) => JSON.parse(a.body).error.message],
  // apollo-client, parseAndCheckHttpResponse
  [
    'Apollo',
    HEADS.graphql,
    (a) => parsed(a, /^application\/graphql-response\+json/).errors[0].message,
  ],
  // gql, urql
  ['gql', sends({ accept: '*/*' }), (a) => JSON.parse(a.body).errors[0].message],
  // mcp, client/streamable_http.py: a JSON-RPC error of an error's status
  [
    'MCP',
    HEADS.mcp,
    (a) => (JSON.parse(a.body).jsonrpc === '2.0' ? JSON.parse(a.body).error.message : ''),
  ],
  [
    'grpcio',
    HEADS.grpc,
    (a) => (a.body === '' ? decodeURIComponent(header(a, 'grpc-message') ?? '') : ''),
  ],
  // go-containerregistry, oras-go: Diagnostic
  ['a registry client', sends({}, 'GET'), (a) => JSON.parse(a.body).errors[0].message],
  // crates.io's web API
  ['cargo', sends({}, 'GET'), (a) => JSON.parse(a.body).errors[0].detail],
  // uv-client/src/error.rs: ProblemDetails
  ['uv', sends({ accept: '*/*' }, 'GET'), (a) => parsed(a, /^application\/problem\+json/).detail],
  // cmd/go/internal/web: only of this type
  [
    'go get',
    HEADS.goModules,
    (a) => (header(a, 'content-type') === 'text/plain; charset=utf-8' ? a.body : ''),
  ],
  ['git', HEADS.git, (a) => (header(a, 'content-type')?.startsWith('text/plain') ? a.body : '')],
  ['npm', HEADS.npm, (a) => JSON.parse(a.body).error],
  ['kubectl', HEADS.kubernetes, (a) => JSON.parse(a.body).message],
  // Of these, the status line is all that an ordinary error has.
  ['requests, httpx, aiohttp, urllib', sends({}), statusLine],
  ['got, ky, ofetch, wget, pip, helm, net/http', sends({}), statusLine],
  // Nothing else comes with an answer to HEAD.
  ['curl --head', sends({}, 'HEAD'), (a) => header(a, 'actiongrant-refusal')],
])('%s shows why, as it reads answers', (_, head, shown) => {
  expect(shown(render(problem, head))).toContain(DETAIL);
});
