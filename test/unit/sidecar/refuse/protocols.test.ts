import { describe, expect, it } from 'vitest';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { protocolOf, REFUSAL_PROTOCOLS } from '../../../../sidecar/refuse/protocols.ts';

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
    expect(protocolOf(read, context.kubernetes.authorities)).toBe(protocol);
  });
});

it('the protocol that everybody speaks comes last, and no product is claimed twice', () => {
  const clients = Object.values(REFUSAL_PROTOCOLS).map(({ spokenBy }) => spokenBy);
  expect(clients.indexOf('everybody')).toBe(clients.length - 1);
  const products = clients.map((of) => (typeof of === 'string' ? of : of.product));
  expect(new Set(products).size).toBe(products.length);
});
