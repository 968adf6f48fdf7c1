import { describe, expect, it } from 'vitest';
import { parsePrivateDestination } from '../../../../core/text/private-destination.ts';

describe('where names may lead to private addresses', () => {
  it.each([
    ['git.corp.example.com', { kind: 'Host', host: 'git.corp.example.com' }],
    ['intranet', { kind: 'Host', host: 'intranet' }],
    ['*.corp.example.com', { kind: 'Domain', suffix: '.corp.example.com' }],
    ['10.0.0.0/8', { kind: 'Network', address: '10.0.0.0', prefix: 8 }],
    ['10.1.2.3', { kind: 'Network', address: '10.1.2.3', prefix: 32 }],
    ['fd12::/32', { kind: 'Network', address: 'fd12::', prefix: 32 }],
    ['fd12::1', { kind: 'Network', address: 'fd12::1', prefix: 128 }],
    ['0.0.0.0/0', { kind: 'Network', address: '0.0.0.0', prefix: 0 }],
  ])('%s is read', (text, destination) => {
    expect(parsePrivateDestination(text)).toEqual(destination);
  });

  it.each([
    '',
    '*',
    '*.',
    'a.*.com',
    '**.a.com',
    'Git.example.com',
    'git.example.com.',
    'git.example.com:443',
    'https://git.example.com',
    '.example.com',
    'a..b',
    '-a.com',
    '10.0.0',
    '1.2.3.4.5',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '*.10.0.0.0',
    '[fd12::1]',
    'fd12::/129',
    'fe80::1%eth0',
    'a b',
  ])('"%s" is refused', (text) => {
    expect(() => parsePrivateDestination(text)).toThrow(/^must be a host in lower case/);
  });

  it.each(['10.0.0.1/8', '10.128.0.0/8', 'fd12::1/32', '10.0.0.1/0'])(
    '"%s", whose prefix cuts off a part of the address, is refused',
    (text) => {
      expect(() => parsePrivateDestination(text)).toThrow(/^has bits behind its prefix/);
    },
  );
});
