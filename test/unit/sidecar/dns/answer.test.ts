import type { Question } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { answerQuestion } from '../../../../sidecar/dns/answer.ts';
import { RCODE } from '../../../../sidecar/dns/message.ts';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';

const BOTH = { ipv4: true, ipv6: true };

function answer(
  question: Partial<Question>,
  families = BOTH,
  addresses = createSyntheticAddresses(),
) {
  return answerQuestion(
    { name: 'api.example.com', type: 'A', class: 'IN', ...question },
    addresses,
    families,
  );
}

describe('a name', () => {
  it.each(['A', 'AAAA'] as const)(
    'has a synthetic address (%s), by its spelling in lower case',
    (type) => {
      const addresses = createSyntheticAddresses();
      const { rcode, answers } = answer({ name: 'API.Example.com', type }, BOTH, addresses);
      const data = addresses.allocate('api.example.com', type === 'A' ? 'ipv4' : 'ipv6');
      expect(rcode).toBe(RCODE.noError);
      expect(answers).toEqual([{ name: 'API.Example.com', type, ttl: 30, data }]);
    },
  );

  it.each([
    ['IPv4', 'A', { ipv4: false, ipv6: true }],
    ['IPv6', 'AAAA', { ipv4: true, ipv6: false }],
  ] as const)('has no address where the pod has no %s', (_, type, families) => {
    expect(answer({ type }, families)).toEqual({ rcode: RCODE.noError, answers: [] });
  });

  it.each(['HTTPS', 'SVCB', 'MX', 'TXT', 'CNAME', 'ANY'])('has no %s record', (type) => {
    expect(answer({ type: type as Question['type'] })).toEqual({
      rcode: RCODE.noError,
      answers: [],
    });
  });

  it.each(['localhost', 'a.localhost'])('%s is the pod itself', (name) => {
    expect(answer({ name }).answers).toMatchObject([{ data: '127.0.0.1' }]);
    expect(answer({ name, type: 'AAAA' }).answers).toMatchObject([{ data: '::1' }]);
  });

  it.each([
    '',
    '10.0.0.1',
    'a.0x7f',
    'a.0x',
    '-a.example.com',
    'a-.example.com',
    'a..b',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(127)}a`,
    'invalid',
    'a.invalid',
    'ipv4only.arpa',
    'a b.example.com',
  ])('%j does not exist', (name) => {
    expect(answer({ name })).toEqual({ rcode: RCODE.nameError, answers: [] });
  });
});

describe('a question that is refused', () => {
  it.each<[string, Partial<Question>]>([
    ['of another class', { class: 'CH' }],
    ['for a zone', { type: 'AXFR' }],
    ['for changes of a zone', { type: 'IXFR' }],
  ])('is one %s', (_, question) => {
    expect(answer(question)).toEqual({ rcode: RCODE.refused, answers: [] });
  });
});

describe('the name of an address', () => {
  const ask = (name: string, addresses = createSyntheticAddresses()) =>
    answer({ name, type: 'PTR' }, BOTH, addresses);

  it('is the one that it stands for', () => {
    const addresses = createSyntheticAddresses();
    const reversed = addresses
      .allocate('api.example.com', 'ipv4')
      .split('.')
      .toReversed()
      .join('.');
    const name = `${reversed}.in-addr.arpa`;
    expect(ask(name, addresses).answers).toMatchObject([{ name, data: 'api.example.com' }]);
  });

  it.each(['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`])(
    'is localhost for %s',
    (name) => {
      expect(ask(name).answers).toMatchObject([{ type: 'PTR', data: 'localhost' }]);
    },
  );

  it.each([
    '8.8.8.8.in-addr.arpa',
    '8.8.8.in-addr.arpa',
    '256.8.8.8.in-addr.arpa',
    `1.${'0.'.repeat(30)}ip6.arpa`,
    `10.${'0.'.repeat(31)}ip6.arpa`,
    'ipv4only.arpa',
  ])('is none for %s', (name) => {
    expect(ask(name)).toEqual({ rcode: RCODE.nameError, answers: [] });
  });

  it('is none for what is no address at all', () => {
    expect(ask('api.example.com')).toEqual({ rcode: RCODE.noError, answers: [] });
  });
});
