/** Heads as clients sent them to a server that wrote them down, and what becomes of each header. */

import { describe, expect, it } from 'vitest';
import { FREE_TEXT_HEADERS } from '../../../../core/action/inert-headers.ts';
import { readHeaders } from '../../../../sidecar/describe/headers.ts';
import { requestHeaders } from '../../../../sidecar/forward/request-headers.ts';

interface ClientHead {
  client: string;
  /** A line a header. */
  head: string;
  /** Names of those that belong to the action. */
  significant?: string[];
  /** Names of those that are of the connection. */
  ofConnection?: string[];
}

const CHROMIUM = `accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7
accept-encoding: gzip, deflate, br, zstd
accept-language: en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7
cache-control: max-age=0
dnt: 1
priority: u=0, i
sec-ch-ua: "Chromium";v="141", "Not?A_Brand";v="8", "Google Chrome";v="141"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
sec-fetch-dest: document
sec-fetch-mode: navigate
sec-fetch-site: none
sec-fetch-user: ?1
upgrade-insecure-requests: 1
user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36`;

const STAINLESS = `x-stainless-lang: python
x-stainless-package-version: 3.57.0
x-stainless-os: Linux
x-stainless-arch: x64
x-stainless-runtime: CPython
x-stainless-runtime-version: 3.11.7
x-stainless-retry-count: 0
x-stainless-timeout: 600
x-stainless-read-timeout: 600`;

const CLIENTS: ClientHead[] = [
  {
    client: 'curl',
    head: `User-Agent: curl/7.88.1
Accept: */*
Connection: Upgrade, HTTP2-Settings
Upgrade: h2c
HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA`,
    ofConnection: ['connection', 'upgrade', 'http2-settings'],
  },
  {
    client: 'wget',
    head: `User-Agent: Wget/1.21.3
Accept: */*
Accept-Encoding: identity
Connection: Keep-Alive`,
    ofConnection: ['connection'],
  },
  {
    client: 'git',
    head: `User-Agent: git/2.39.5
Accept: */*
Accept-Encoding: deflate, gzip, br, zstd
Accept-Language: C, *;q=0.9
Pragma: no-cache
Git-Protocol: version=2`,
    significant: ['git-protocol'],
  },
  {
    client: 'git, with more than 1 KiB to say',
    head: `User-Agent: git/2.39.5
Accept-Encoding: deflate, gzip, br, zstd
Content-Type: application/x-git-upload-pack-request
Accept: application/x-git-upload-pack-result
Content-Encoding: gzip`,
  },
  {
    client: 'npm',
    head: `user-agent: npm/11.19.1 node/v24.21.0 linux x64 workspaces/false
pacote-version: 21.5.1
pacote-req-type: packument
pacote-pkg-id: registry:@scope/left-pad@^1.3.0
pacote-integrity: sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==
npm-scope: @scope
npm-session: 1f2e3d4c5b6a7980
accept: application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*
npm-auth-type: web
npm-command: view
Accept-Encoding: gzip,deflate`,
  },
  {
    client: 'pip',
    head: `User-Agent: pip/23.2.1 {"ci":null,"cpu":"x86_64","distro":{"id":"bookworm","libc":{"lib":"glibc","version":"2.36"},"name":"Debian GNU/Linux","version":"12"},"implementation":{"name":"CPython","version":"3.11.7"},"installer":{"name":"pip","version":"23.2.1"},"openssl_version":"OpenSSL 3.0.19 27 Jan 2026","python":"3.11.7","rustc_version":"1.95.0","setuptools_version":"65.5.0","system":{"name":"Linux","release":"6.18.44-fc-v657"}}
Accept-Encoding: gzip, deflate
Accept: application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01
Cache-Control: max-age=0`,
  },
  {
    client: 'kubectl',
    head: `User-Agent: kubectl/v1.36.3 (linux/amd64) kubernetes/4cb5f07
Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json
Kubectl-Command: kubectl get
Kubectl-Session: 68d08951-3c92-48fa-b743-a1a9c92d87d8
Accept-Encoding: gzip`,
  },
  {
    client: 'client-go',
    head: `User-Agent: manager/v0.0.0 (linux/amd64) kubernetes/$Format
Accept: application/vnd.kubernetes.protobuf,application/json
Content-Type: application/vnd.kubernetes.protobuf
Accept-Encoding: gzip`,
  },
  {
    client: 'kubernetes (Python)',
    head: `Accept-Encoding: identity
Accept: application/json
User-Agent: OpenAPI-Generator/37.0.1/python`,
  },
  {
    client: 'helm',
    head: `User-Agent: Helm/3.16.2
Accept: application/vnd.cncf.helm.config.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.artifact.manifest.v1+json
Accept-Encoding: gzip`,
  },
  {
    client: 'docker',
    head: `User-Agent: docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0-28-amd64 os/linux arch/amd64 UpstreamClient(Docker-Client/27.3.1 \\(linux\\))
Accept: application/vnd.docker.distribution.manifest.v2+json
Accept: application/vnd.docker.distribution.manifest.list.v2+json
Accept: application/vnd.oci.image.index.v1+json
Accept: application/vnd.docker.distribution.manifest.v1+prettyjws
Accept: application/json
Accept-Encoding: gzip
Connection: close`,
    ofConnection: ['connection'],
  },
  {
    client: 'terraform',
    head: `User-Agent: Terraform/1.9.5
X-Terraform-Version: 1.9.5
Accept: application/json
Accept-Encoding: gzip`,
  },
  {
    client: "terraform's AWS provider",
    head: `User-Agent: APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.65.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.4 ua/2.0 os/linux lang/go#1.22.6 md/GOOS#linux md/GOARCH#amd64 api/sts#1.30.4
Amz-Sdk-Invocation-Id: 1604a3f4-fd2e-4100-8af4-226db7f7080b
Amz-Sdk-Request: ttl=20261130T223856Z; attempt=1; max=25
Content-Type: application/x-www-form-urlencoded
Accept-Encoding: gzip`,
  },
  {
    client: 'boto3',
    head: `Accept-Encoding: identity
Content-Type: application/x-www-form-urlencoded; charset=utf-8
User-Agent: Boto3/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux#6.18.44-fc-v657 md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython m/N,b,E,Z,e cfg/retry-mode#standard Botocore/1.44.8
X-Amz-Date: 20261130T223856Z
amz-sdk-invocation-id: 1604a3f4-fd2e-4100-8af4-226db7f7080b
amz-sdk-request: attempt=1; max=3
x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1`,
  },
  {
    client: 'google-cloud-storage',
    head: `User-Agent: gcloud-python/3.4.0 gl-python/3.11.7 grpc/1.85.0 gccl/3.4.0
X-Goog-API-Client: gcloud-python/3.4.0 gl-python/3.11.7 gccl/3.4.0 gccl-invocation-id/1604a3f4-fd2e-4100-8af4-226db7f7080b
X-Goog-Gcs-Idempotency-Token: 1604a3f4-fd2e-4100-8af4-226db7f7080b
content-type: application/json; charset=UTF-8
accept-encoding: gzip
accept: application/json`,
  },
  {
    client: 'azure-storage-blob',
    head: `x-ms-version: 2026-10-06
Accept: application/xml
User-Agent: azsdk-python-storage-blob/12.29.0 Python/3.11.7 (Linux-6.18.44-x86_64-with-glibc2.36)
x-ms-date: Mon, 30 Nov 2026 22:38:56 GMT
x-ms-client-request-id: 1604a3f4-fd2e-11f0-8af4-226db7f7080b
If-None-Match: *
Content-Type: application/octet-stream`,
    significant: ['x-ms-version', 'if-none-match'],
  },
  {
    client: 'msgraph-sdk',
    head: `client-request-id: 1604a3f4-fd2e-4100-8af4-226db7f7080b
SdkVersion: graph-python-core/1.4.0 (featureUsage=0)
Accept: application/json`,
    significant: ['sdkversion'],
  },
  {
    client: 'azure-communication',
    head: `Repeatability-Request-ID: 1604a3f4-fd2e-4100-8af4-226db7f7080b
Repeatability-First-Sent: Mon, 30 Nov 2026 22:38:56 GMT
Accept: application/json`,
  },
  {
    client: 'LangChain, traced',
    head: `langsmith-trace: 20261130T223856123456Z1604a3f4-fd2e-4100-8af4-226db7f7080b
Helicone-Request-Id: 1604a3f4-fd2e-4100-8af4-226db7f7080b
x-portkey-trace-id: 1604a3f4-fd2e-4100-8af4-226db7f7080b
Accept: */*`,
  },
  {
    client: 'SkyWalking',
    head: `sw8: 1-NTY2M2E5ZTI=-NTY2M2E5ZTI=-0-c2hvcA==-aW5zdGFuY2U=-L2NhcnQ=-ZWRyLmV4YW1wbGU=
sw8-x: 0-
Accept: */*`,
  },
  {
    client: 'requests',
    head: `User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*
Content-Type: application/json`,
  },
  {
    client: 'requests, with a file',
    head: `User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate, br, zstd
Accept: */*
Content-Type: multipart/form-data; boundary=4a1b2c3d4e5f60718293a4b5c6d7e8f9`,
  },
  {
    client: 'requests, with Sentry',
    head: `sentry-trace: 9e20b1a37dd44bcf915ed72196fb1f3d-9dbeb0ccf8abc1dc-1
baggage: sentry-trace_id=9e20b1a37dd44bcf915ed72196fb1f3d,sentry-sample_rand=0.988179,sentry-environment=production,sentry-public_key=a,sentry-transaction=y,sentry-sample_rate=1.0,sentry-sampled=true
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*`,
  },
  {
    client: 'httpx',
    head: `Accept: */*
Accept-Encoding: gzip, deflate
User-Agent: python-httpx/0.28.1`,
  },
  {
    client: 'aiohttp',
    head: `Accept: */*
Accept-Encoding: gzip, deflate
User-Agent: Python/3.11 aiohttp/3.14.5`,
  },
  {
    client: 'urllib',
    head: `Accept-Encoding: identity
User-Agent: Python-urllib/3.11
Connection: close`,
    ofConnection: ['connection'],
  },
  {
    client: 'openai (Python)',
    head: `Accept-Encoding: gzip, deflate
accept: application/json
content-type: application/json
user-agent: AsyncOpenAI/Python 3.57.0
${STAINLESS}
x-stainless-async: async:asyncio
idempotency-key: stainless-python-retry-1604a3f4-fd2e-4100-8af4-226db7f7080b
openai-organization: org-a`,
    significant: ['openai-organization'],
  },
  {
    client: 'anthropic (JavaScript)',
    head: `Accept: application/json
User-Agent: Anthropic/JS 1.14.0
${STAINLESS}
x-stainless-helper-method: stream
anthropic-version: 2026-10-21
content-type: application/json
accept-language: *
sec-fetch-mode: cors
accept-encoding: gzip, deflate`,
    significant: ['anthropic-version'],
  },
  {
    client: 'a Google client library',
    head: `accept: application/json
accept-encoding: gzip, deflate
user-agent: (gzip)
x-goog-api-client: gl-python/3.11.2 grpc/1.66.1 gax/2.19.2 gapic/2.27.0 pb/5.28.0
x-cloud-trace-context: 105445aa7843bc8bf206b12000100000/1;o=1`,
  },
  {
    client: "Azure's SDK for .NET",
    head: `User-Agent: azsdk-net-Storage.Blobs/12.19.1 (.NET 8.0.8; Debian GNU/Linux 12 (bookworm))
x-ms-client-request-id: 9e5a2f0c-9a1b-4a2e-8a53-3f2c6f0b1d11
x-ms-version: 2024-11-04
Request-Id: |1604a3f4-fd2e4100.1.
traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00`,
    significant: ['x-ms-version'],
  },
  {
    client: 'octokit',
    head: `accept: application/vnd.github.v3+json
user-agent: octokit.js/0.0.0-development octokit-core.js/7.0.8 Node.js/24
accept-language: *
sec-fetch-mode: cors
accept-encoding: gzip, deflate`,
  },
  {
    client: 'gh',
    head: `User-Agent: GitHub CLI 2.62.0
Accept: application/vnd.github.merge-info-preview+json, application/vnd.github.nebula-preview
Content-Type: application/json; charset=utf-8
Time-Zone: Europe/Berlin
Accept-Encoding: gzip`,
    significant: ['time-zone'],
  },
  {
    client: 'axios',
    head: `Accept: application/json, text/plain, */*
Content-Type: application/json
User-Agent: axios/1.21.1
Accept-Encoding: gzip, compress, deflate, br`,
  },
  {
    client: 'got',
    head: `user-agent: got (https://github.com/sindresorhus/got)
content-type: application/json
accept-encoding: gzip, deflate, br, zstd`,
  },
  {
    client: "Node.js' fetch",
    head: `accept: */*
accept-language: *
sec-fetch-mode: cors
user-agent: node
accept-encoding: gzip, deflate`,
  },
  {
    client: 'Go',
    head: `User-Agent: Go-http-client/1.1
Accept-Encoding: gzip`,
  },
  {
    client: "Java's HttpClient",
    head: `Connection: Upgrade, HTTP2-Settings
HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA
Upgrade: h2c
User-Agent: Java-http-client/17.0.15`,
    ofConnection: ['connection', 'http2-settings', 'upgrade'],
  },
  {
    client: 'HttpURLConnection',
    head: `User-Agent: Java/17.0.15
Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2
Connection: keep-alive`,
    ofConnection: ['connection'],
  },
  {
    client: "Apache's HttpClient",
    head: `Accept-Encoding: gzip, x-gzip, deflate
Connection: keep-alive, Upgrade
Upgrade: TLS/1.2
User-Agent: Apache-HttpClient/5.4 (Java/17.0.15)
Content-Type: multipart/form-data; charset=ISO-8859-1; boundary=----=_Part_7_81.17`,
    ofConnection: ['connection', 'upgrade'],
  },
  {
    client: 'OkHttp',
    head: `Accept-Encoding: gzip
User-Agent: okhttp/4.12.0
Connection: Keep-Alive`,
    ofConnection: ['connection'],
  },
  {
    client: 'cargo',
    head: `User-Agent: cargo/1.82.0 (8f40fc59f 2024-08-21)
Accept: */*
Accept-Encoding: gzip`,
  },
  { client: 'Chromium', head: CHROMIUM },
  {
    client: 'a service with every tracer there is',
    head: `b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
x-b3-traceid: 80f198ee56343ba864fe8b2a57d3eff7
x-b3-spanid: e457b5a2e4d86bd1
x-b3-sampled: 1
uber-trace-id: 80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1
x-datadog-trace-id: 13771184127484461911
x-datadog-parent-id: 6017420955267735777
x-datadog-sampling-priority: 1
x-datadog-origin: synthetics
x-datadog-tags: _dd.p.tid=640cfd8d00000000,_dd.p.dm=-0
elastic-apm-traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
tracestate: dd=s:1;o:synthetics,es=s:1
newrelic: eyJ2IjpbMCwxXX0=
x-instana-t: 80f198ee56343ba8
x-instana-s: e457b5a2e4d86bd1
x-instana-l: 1
x-request-id: 7b1c8e0a-7f0f-4b5f-9a35-2f6d1c6f9f01
x-correlation-id: order-4711/retry:2
date: Mon, 30 Nov 2026 22:38:56 GMT
grpc-timeout: 9995m
connect-timeout-ms: 9995`,
  },
];

const read = (head: string) =>
  readHeaders(
    {
      httpVersion: '1.1',
      rawHeaders: head.split('\n').flatMap((line) => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
    },
    new Set(),
  );

describe('of the head that a client sends', () => {
  it.each(CLIENTS)('nothing is lost but what is of the connection: $client', (given) => {
    const { inert, significant } = read(given.head);
    const lines = given.head.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    });
    const named = (names: readonly string[] = []) =>
      lines.filter(([name = '']) => names.includes(name));
    expect(significant).toEqual(named(given.significant));
    const elsewhere = [...named(given.significant), ...named(given.ofConnection)];
    expect(inert).toEqual(
      lines
        .filter((line) => !elsewhere.includes(line))
        // The one value that is changed: client-go's version, if nobody has set it.
        .map(([name, value]) => [name, value?.replace(' kubernetes/$Format', '')]),
    );
  });

  it.each(CLIENTS)('no free text goes with a credential: $client', (given) => {
    const { inert: headers } = read(given.head);
    const sent = requestHeaders({ headers, body: null }, [['authorization', 'Bearer x']]);
    const names = sent.filter((_, index) => index % 2 === 0);
    expect(names.filter((name) => FREE_TEXT_HEADERS.has(name))).toEqual([]);
    const without = requestHeaders({ headers, body: null }, null);
    // The one value that is changed: of the codings, those stay that an answer can be scanned in.
    expect(without).toEqual(
      headers.flatMap(([name, value]) => [
        name,
        name === 'accept-encoding' ? value.replaceAll(/, (?:br|compress|zstd)\b/g, '') : value,
      ]),
    );
  });
});
