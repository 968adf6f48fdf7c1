import { describe, expect, it } from 'vitest';
import {
  headersWithDigests,
  parametersWithDigests,
  urlWithDigests,
} from '../../../../core/action/secret-digests.ts';
import { sha256Hex } from '../../../../core/text/sha256.ts';

const digest = (secret: string) => `secret:sha256:${sha256Hex(secret)}`;
const DIGEST = digest('hunter2');
const BOT = `${'1'.repeat(10)}:${'a1'.repeat(17)}b`;

describe('a secret is replaced by its digest', () => {
  it('in headers, by their names or by the form of their values', () => {
    const bearer = `Bearer ${'a1'.repeat(10)}`;
    const headers = {
      'x-api-key': 'hunter2',
      'x-forward': bearer,
      'x-dry-run': '1',
      'api-key': '',
    };
    expect(headersWithDigests(headers, 'call')).toEqual({
      'x-api-key': DIGEST,
      'x-forward': digest(bearer),
      'x-dry-run': '1',
      'api-key': '',
    });
  });

  it.each([
    ['?key=hunter2', `?key=${DIGEST}`],
    ['?a=1&api_key=hunter2&b', `?a=1&api_key=${DIGEST}&b`],
    ['?api%5Fkey=hunter2', `?api%5Fkey=${DIGEST}`],
    ['?key=hunter2&key=other', `?key=${DIGEST}&key=${digest('other')}`],
    ['?key=hunter2=?', `?key=${digest('hunter2=?')}`],
    ['?key=hunter%32', `?key=${digest('hunter%32')}`],
    [`?q=ghp%5F${'a1'.repeat(18)}`, `?q=${digest(`ghp%5F${'a1'.repeat(18)}`)}`],
    ['?key=&token', '?key=&token'],
    ['?a?b&c=1?x=2&?key=hunter2', `?a?b&c=1?x=2&?key=${DIGEST}`],
    ['?', '?'],
    ['?X-Amz-Date=1&X-Amz-Signature=hunter2', `?X-Amz-Date=1&X-Amz-Signature=${DIGEST}`],
  ])('in the query: %s', (query, expected) => {
    const base = 'https://a.example:8443/v1/x';
    expect(urlWithDigests(base + query, 'call')).toBe(base + expected);
  });

  it('in the path, where it is a segment', () => {
    expect(urlWithDigests(`https://api.telegram.org/bot${BOT}/sendMessage`, 'call')).toBe(
      `https://api.telegram.org/${digest(`bot${BOT}`)}/sendMessage`,
    );
    const hook = 'a1'.repeat(12);
    expect(
      urlWithDigests(`https://hooks.slack.com/services/T0000000A/B0000000A/${hook}`, 'call'),
    ).toBe(`https://hooks.slack.com/services/T0000000A/B0000000A/${digest(hook)}`);
  });

  it('in parameters of the API server, by the form of their values', () => {
    const parameters = {
      command: `login ghp_${'a1'.repeat(18)}`,
      continue: 'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
      key: 'x',
    };
    expect(parametersWithDigests(parameters, 'call')).toEqual({
      ...parameters,
      command: digest(parameters.command),
    });
  });
});

describe('a digest', () => {
  const url = `https://a.example/?key=${DIGEST}`;

  it('stands for its secret in a grant', () => {
    expect(urlWithDigests(url, 'grant')).toBe(url);
    expect(headersWithDigests({ 'x-api-key': DIGEST }, 'grant')).toEqual({ 'x-api-key': DIGEST });
    expect(urlWithDigests('https://a.example/?key=hunter2', 'grant')).toBe(url);
  });

  it('stands for nothing in a call: what is sent instead of the secret is another call', () => {
    expect(urlWithDigests(url, 'call')).toBe(`https://a.example/?key=${digest(DIGEST)}`);
    expect(headersWithDigests({ 'x-api-key': DIGEST }, 'call')).toEqual({
      'x-api-key': digest(DIGEST),
    });
    expect(headersWithDigests({ 'x-other': DIGEST }, 'call')).toEqual({
      'x-other': digest(DIGEST),
    });
  });
});

it.each([
  'https://edr.example.com/v1/hosts/host-7/quarantine?now',
  'http://[::1]:8080/a%20b?x=1&y',
  `https://registry.example/v2/nginx/manifests/sha256:${'0'.repeat(64)}`,
  'https://a.example/?page_token=abc&author=b&X-Amz-Date=2',
])('an address without secrets stays as it is: %s', (url) => {
  expect(urlWithDigests(url, 'call')).toBe(url);
});

it('a query is read in time that grows with its length alone', () => {
  const start = performance.now();
  for (const pump of ['?', '&', '=', '?a', '&a=']) {
    urlWithDigests(`https://a.example/?${pump.repeat(200_000 / pump.length)}`, 'call');
  }
  expect(performance.now() - start).toBeLessThan(2_000);
});
