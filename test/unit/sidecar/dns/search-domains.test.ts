import { expect, it } from 'vitest';
import { parseSearchDomains } from '../../../../sidecar/dns/search-domains.ts';

it.each<[string, string, string[]]>([
  [
    'those of a pod',
    'search soc.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:1\n',
    ['soc.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  ],
  ['whatever their case and dots', 'search  Example.COM.\tb.\n', ['example.com', 'b']],
  ['of the last line', 'search a\nsearch b c\n', ['b', 'c']],
  ['of a domain line', 'domain a\n', ['a']],
  ['none after the root alone', 'search .\n', []],
  ['none of comments', '# search a\n;search b\n', []],
  ['none of nothing', '', []],
])('search domains: %s', (_, resolvConf, domains) => {
  expect(parseSearchDomains(resolvConf)).toEqual(domains);
});
