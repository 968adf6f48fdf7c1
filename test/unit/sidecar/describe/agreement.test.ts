import { describe, expect, it } from 'vitest';
import { parseAuthority, parseUrl } from '../../../../core/text/url.ts';
import { checkHost, checkServerName } from '../../../../sidecar/describe/agreement.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, anH2Head, aRedirectedHead } from './heads.ts';
import { refusal } from './problem.ts';

const URL = parseUrl('https://edr.example.com/', 'url');

describe('Host and :authority', () => {
  const checked = (head: RequestHead, hosts: string[], url = URL) =>
    refusal(() => checkHost(head, hosts, undefined, url));

  it.each<[string, RequestHead, string[], object]>([
    ['the host', aHead(), ['edr.example.com'], { code: 'accepted' }],
    [
      'the host in capitals and with its port',
      aHead(),
      ['EDR.example.com:443'],
      { code: 'accepted' },
    ],
    ['the host in both', anH2Head(), ['edr.example.com'], { code: 'accepted' }],
    ['another host', aHead(), ['evil.example'], { code: 'AuthorityMismatch', field: 'host' }],
    [
      'another port',
      aHead(),
      ['edr.example.com:8443'],
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'the host in one of them alone',
      anH2Head({ authority: 'evil.example' }),
      ['edr.example.com'],
      { code: 'AuthorityMismatch', field: ':authority' },
    ],
    ['nothing', aHead(), [], { code: 'RequestMalformed', field: 'host' }],
    [
      'the host twice',
      aHead(),
      ['edr.example.com', 'edr.example.com'],
      { code: 'RequestAmbiguous', field: 'host' },
    ],
    ['what is no host', aHead(), ['u@edr.example.com'], { code: 'TargetRefused', field: 'host' }],
  ])('that say %s', (_, head, hosts, expected) => {
    expect(checked(head, hosts)).toEqual(expected);
  });

  it('are compared as they were read, if they were', () => {
    const spoken = parseAuthority('evil.example', 'host');
    const compare = (head: RequestHead, hosts: string[]) =>
      refusal(() => checkHost(head, hosts, spoken, URL));
    expect(compare(aHead(), ['evil.example'])).toMatchObject({ field: 'host' });
    expect(compare(anH2Head({ authority: 'evil.example' }), [])).toMatchObject({
      field: ':authority',
    });
    // Only the first of them was read.
    expect(
      refusal(() =>
        checkHost(
          anH2Head({ authority: 'evil.example' }),
          ['edr.example.com'],
          parseAuthority('edr.example.com', 'host'),
          URL,
        ),
      ),
    ).toMatchObject({ code: 'AuthorityMismatch', field: ':authority' });
  });

  it('of an address that has no name say so', () => {
    const head = aRedirectedHead({ address: '203.0.113.7', port: 443, synthetic: false }, 'x');
    expect(() =>
      checkHost(head, ['edr.example.com'], undefined, parseUrl('https://203.0.113.7/', 'url')),
    ).toThrow(/by DNS in this pod/);
  });
});

describe('the TLS server name', () => {
  it.each<[string, RequestHead, boolean, object]>([
    ['is the host', aHead({ sni: 'EDR.example.com' }), false, { code: 'accepted' }],
    ['is another host', aHead({ sni: 'evil.example' }), false, { code: 'AuthorityMismatch' }],
    ['is absent', aHead({ sni: false }), false, { code: 'ServerNameMissing' }],
    ['is absent in a call to the API server', aHead({ sni: false }), true, { code: 'accepted' }],
    [
      'is another host than the API server',
      aHead({ sni: 'x' }),
      true,
      { code: 'AuthorityMismatch' },
    ],
  ])('%s', (_, head, kubernetes, expected) => {
    expect(refusal(() => checkServerName(head, URL, kubernetes))).toMatchObject(expected);
  });

  it('does not matter in clear text', () => {
    const url = parseUrl('http://edr.example.com/', 'url');
    expect(refusal(() => checkServerName(aHead({ sni: false }), url, false)).code).toBe('accepted');
  });
});
