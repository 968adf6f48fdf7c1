import { expect, it } from 'vitest';
import { listenable } from '../../../../sidecar/intercept/listenable.ts';

const IPV4 = { host: '127.0.0.1', port: 15_006 };
const IPV6 = { host: '::1', port: 15_006 };

it.each([
  ['both families', { lo: [{ address: '127.0.0.1' }, { address: '::1' }] }, [IPV4, IPV6]],
  [
    'a link-local address alone',
    { lo: [{ address: '127.0.0.1' }], eth0: [{ address: 'fe80::1' }] },
    [IPV4, IPV6],
  ],
  ['no IPv6', { lo: [{ address: '127.0.0.1' }], eth0: [{ address: '10.0.0.1' }] }, [IPV4]],
  ['nothing yet', {}, [IPV4]],
])('a pod with %s', (_, interfaces, expected) => {
  expect(listenable([IPV4, IPV6], interfaces)).toEqual(expected);
});
