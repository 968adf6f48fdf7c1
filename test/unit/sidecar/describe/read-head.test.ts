import { describe, expect, it } from 'vitest';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { Destination } from '../../../../sidecar/describe/request-head.ts';
import { aHead, aRedirectedHead } from './heads.ts';

const SEARCH_DOMAINS = ['soc.svc.cluster.local', 'svc.cluster.local'];

describe('a redirected call may call its destination', () => {
  it.each<[Destination, string[]]>([
    [{ name: 'EDR.example.com', port: 443 }, ['edr.example.com']],
    [
      { name: 'edr.soc.svc.cluster.local', port: 443 },
      ['edr.soc.svc.cluster.local', 'edr', 'edr.soc'],
    ],
    [{ name: 'soc.svc.cluster.local', port: 443 }, ['soc.svc.cluster.local', 'soc']],
    [{ name: '.svc.cluster.local', port: 443 }, ['.svc.cluster.local']],
    [{ name: 'edrsvc.cluster.local', port: 443 }, ['edrsvc.cluster.local']],
    [{ address: 'fd00::1', port: 443, synthetic: false }, ['[fd00::1]']],
    [{ address: '198.18.0.1', port: 443, synthetic: true }, ['198.18.0.1']],
  ])('%j: %j', (destination, hosts) => {
    expect(readHead(aRedirectedHead(destination, 'x'), SEARCH_DOMAINS).hosts).toEqual(hosts);
  });
});

it('a call to the explicit proxy has no destination of its own', () => {
  expect(readHead(aHead(), SEARCH_DOMAINS).hosts).toBeUndefined();
});
