import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import type { DescribeContext } from '../../../../sidecar/describe/context.ts';
import {
  describeHead as describeReadHead,
  type HeadDescription,
} from '../../../../sidecar/describe/describe.ts';
import type { KubernetesDescription } from '../../../../sidecar/describe/kubernetes-call.ts';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { Destination, RequestHead } from '../../../../sidecar/describe/request-head.ts';

/** The API server of the tests, and the address under which kubectl knows it. */
export const KUBERNETES = 'kubernetes.default.svc:443';

export const CONTEXT: DescribeContext = {
  kubernetes: { authorities: [KUBERNETES, '127.0.0.1:6443', '[::1]:6443'] },
  inertHeaders: new Set(),
  searchDomains: ['soc.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
};

/** A call inside a tunnel to edr.example.com, as an SDK sends it; `headers` come after Host. */
export function aHead(
  given: Partial<RequestHead> & { headers?: Record<string, string> } = {},
): RequestHead {
  const { headers = {}, ...rest } = given;
  const authority = given.connectAuthority ?? 'edr.example.com:443';
  const host = authority.replace(/:443$/, '');
  return {
    via: 'connect',
    httpVersion: '1.1',
    scheme: 'https',
    connectAuthority: authority,
    sni: host.replace(/:[0-9]+$/, ''),
    method: 'GET',
    target: '/',
    rawHeaders: ['Host', host, ...Object.entries(headers).flat()],
    ...rest,
  };
}

/** The same over HTTP/2: the host is in `:authority`. */
export function anH2Head(given: Partial<RequestHead> = {}): RequestHead {
  return aHead({ httpVersion: '2', authority: 'edr.example.com', rawHeaders: [], ...given });
}

/** A request to a cleartext proxy. */
export function aProxiedHead(given: Partial<RequestHead> = {}): RequestHead {
  const { connectAuthority, sni, ...head } = aHead();
  return {
    ...head,
    via: 'absolute-form',
    scheme: 'http',
    target: 'http://edr.example.com/',
    ...given,
  };
}

/** A request to the API server under its name. */
export function aKubernetesHead(
  method: string,
  target: string,
  headers: Record<string, string> = {},
): RequestHead {
  return aHead({ connectAuthority: KUBERNETES, method, target, headers });
}

/** A TLS call on a redirected connection; `host` is what the client calls where it goes, in Host and server name alike. */
export function aRedirectedHead(
  destination: Destination,
  host: string,
  given: Partial<RequestHead> = {},
): RequestHead {
  const { connectAuthority, ...head } = aHead();
  return {
    ...head,
    via: 'transparent',
    destination,
    sni: host.replace(/:[0-9]+$/, ''),
    rawHeaders: ['Host', host],
    ...given,
  };
}

/** Reads a head and describes it. @throws ProblemError */
export function describeHead(head: RequestHead, context: DescribeContext): HeadDescription {
  return describeReadHead(readHead(head, context.searchDomains), context);
}

/** A call to the API server, described. @throws ProblemError */
export function kubernetes(
  method: string,
  target: string,
  headers: Record<string, string> = {},
): KubernetesDescription {
  const described = describeHead(aKubernetesHead(method, target, headers), CONTEXT);
  if (described.kind !== 'kubernetes') throw new Error(described.kind);
  return described;
}

/** What the API server reads from `GET /api/v1/namespaces/soc/pods/…`, with what is not mentioned empty. */
export function aKubernetesAttributes(
  given: Partial<KubernetesAction>,
): KubernetesDescription['action'] {
  const { body, ...rest } = given;
  return {
    type: 'Kubernetes',
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'soc',
    name: '',
    queryParameters: {},
    ...rest,
  };
}
