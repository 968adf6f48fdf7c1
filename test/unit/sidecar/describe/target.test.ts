import { describe, expect, it } from 'vitest';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { readTarget } from '../../../../sidecar/describe/target.ts';
import { aHead, anH2Head, aProxiedHead, CONTEXT } from './heads.ts';
import { refusal } from './problem.ts';

function target(head: RequestHead) {
  const hosts = head.rawHeaders.flatMap((name, i) =>
    i % 2 === 0 && name.toLowerCase() === 'host' ? [head.rawHeaders[i + 1] ?? ''] : [],
  );
  return readTarget(readHead(head, CONTEXT.searchDomains), hosts, CONTEXT.kubernetes.authorities);
}

describe('the target of a call', () => {
  it.each<[string, RequestHead, object]>([
    [
      'is the tunnel and the path inside it',
      aHead({ target: '/v1?x=1' }),
      {
        scheme: 'https',
        host: 'edr.example.com',
        port: 443,
        path: '/v1',
        query: '?x=1',
        kubernetes: false,
      },
    ],
    [
      'has the port of the tunnel',
      aHead({ connectAuthority: 'edr.example.com:8443' }),
      { host: 'edr.example.com', port: 8443 },
    ],
    ['is the :authority in HTTP/2', anH2Head(), { host: 'edr.example.com', port: 443 }],
    [
      'may have both :authority and the same Host in HTTP/2',
      anH2Head({ rawHeaders: ['host', 'EDR.example.com:443'] }),
      { host: 'edr.example.com' },
    ],
    [
      'is the same host with a final dot, wherever it stands',
      aHead({
        connectAuthority: 'edr.example.com.:443',
        sni: 'EDR.example.com.',
        rawHeaders: ['Host', 'edr.example.com.'],
      }),
      { host: 'edr.example.com', port: 443 },
    ],
    [
      'is the same host with a final dot in :authority alone',
      anH2Head({ authority: 'edr.example.com.:443' }),
      { host: 'edr.example.com', port: 443 },
    ],
    [
      'is the same host with a final dot in an absolute target',
      aProxiedHead({ target: 'http://edr.example.com.:80/a%2Fb' }),
      { host: 'edr.example.com', port: 80, path: '/a%2Fb' },
    ],
    [
      'is Kubernetes with a final dot',
      aHead({
        connectAuthority: 'kubernetes.default.svc.:443',
        sni: 'kubernetes.default.svc',
        rawHeaders: ['Host', 'kubernetes.default.svc.'],
      }),
      { kubernetes: true },
    ],
    ['is absolute for the proxy itself', aProxiedHead(), { scheme: 'http', port: 80, path: '/' }],
    [
      'is https when a client asks the proxy itself for that',
      aProxiedHead({ target: 'https://edr.example.com/a' }),
      { scheme: 'https', port: 443, path: '/a' },
    ],
    [
      'has the root path when an absolute target has none',
      aProxiedHead({ target: 'http://edr.example.com' }),
      { path: '/', query: '' },
    ],
    [
      'is Kubernetes under each configured authority',
      aHead({ connectAuthority: '127.0.0.1:6443' }),
      { kubernetes: true },
    ],
    [
      'is Kubernetes at an IPv6 address in any spelling',
      aHead({ connectAuthority: '[0:0::1]:6443', sni: false }),
      { host: '[::1]', kubernetes: true },
    ],
    [
      'is Kubernetes without a server name',
      aHead({ connectAuthority: '127.0.0.1:6443', sni: false }),
      { kubernetes: true },
    ],
    [
      'is not Kubernetes at another port of the same host',
      aHead({ connectAuthority: 'kubernetes.default.svc:8443' }),
      { kubernetes: false },
    ],
  ])('%s', (_, head, expected) => {
    expect(target(head)).toMatchObject(expected);
  });

  it.each<[string, RequestHead, object]>([
    [
      'when CONNECT had no port',
      aHead({ connectAuthority: 'edr.example.com' }),
      { code: 'TargetRefused', field: 'CONNECT' },
    ],
    [
      'when nothing says where the tunnel goes',
      aHead({ connectAuthority: '' }),
      { code: 'TargetRefused', field: 'CONNECT' },
    ],
    [
      'when Host has another host',
      aHead({ rawHeaders: ['Host', 'evil.example'] }),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'when Host has another port',
      aHead({ rawHeaders: ['Host', 'edr.example.com:80'] }),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'when :authority has another host',
      anH2Head({ authority: 'evil.example' }),
      { code: 'AuthorityMismatch', field: ':authority' },
    ],
    [
      'when Host differs from a right :authority',
      anH2Head({ rawHeaders: ['host', 'evil.example'] }),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'when the server name is another',
      aHead({ sni: 'evil.example' }),
      { code: 'AuthorityMismatch', field: 'TLS server name' },
    ],
    [
      'when the server name is of the API server, but nothing else is',
      aHead({ sni: 'kubernetes.default.svc' }),
      { code: 'AuthorityMismatch' },
    ],
    ['when there is no server name', aHead({ sni: false }), { code: 'ServerNameMissing' }],
    [
      'when an address other than that of the API server is called',
      aHead({ connectAuthority: '10.0.0.1:443', sni: false }),
      { code: 'ServerNameMissing' },
    ],
    ['without a Host', aHead({ rawHeaders: [] }), { code: 'RequestMalformed', field: 'host' }],
    [
      'with two',
      aHead({ rawHeaders: ['Host', 'edr.example.com', 'host', 'edr.example.com'] }),
      { code: 'RequestAmbiguous', field: 'host' },
    ],
    ['of HTTP/2 in the clear', anH2Head({ scheme: 'http' }), { code: 'ProtocolRefused' }],
    [
      'in origin form to the proxy itself',
      aProxiedHead({ target: '/' }),
      { code: 'TargetRefused', field: 'target' },
    ],
    [
      'in absolute form inside a tunnel',
      aHead({ target: 'https://edr.example.com/' }),
      { code: 'TargetRefused', field: 'target' },
    ],
    [
      'of the API server in the clear',
      aProxiedHead({ target: 'http://127.0.0.1:6443/api', rawHeaders: ['Host', '127.0.0.1:6443'] }),
      { code: 'KubernetesRequestRefused' },
    ],
  ])('is refused %s', (_, head, expected) => {
    expect(refusal(() => target(head))).toMatchObject(expected);
  });
});
