import { describe, expect, it } from 'vitest';
import { holdsToken, withoutTokens } from '../../../../core/text/secret-text.ts';

/** Of one character, so that no scanner of repositories takes the fixtures for what they look like. */
const a = (length: number) => 'a1'.repeat(length).slice(0, length);

describe('a token is found wherever it stands', () => {
  it.each([
    ['GitHub', `ghp_${a(36)}`],
    ['GitHub, fine-grained', `github_pat_${a(22)}_${a(59)}`],
    ['GitHub Actions', `ghs_${a(36)}`],
    ['GitLab', `glpat-${a(20)}`],
    ['GitLab, routable', `glpat-${a(27)}.01.${a(9)}`],
    ['OpenAI', `sk-${a(48)}`],
    ['OpenAI, of a project', `sk-proj-${a(60)}_${a(40)}`],
    ['Anthropic', `sk-ant-api03-${a(90)}`],
    ['Slack', `xoxb-${'1'.repeat(12)}-${a(24)}`],
    ['AWS', `AKIA${'A1'.repeat(8)}`],
    ['AWS, of a session', `ASIA${'A1'.repeat(8)}`],
    ['Google', `AIza${a(35)}`],
    ['Google OAuth', `ya29.${a(60)}`],
    ['npm', `npm_${a(36)}`],
    ['PyPI', `pypi-${a(60)}`],
    ['Vault', `hvs.${a(40)}`],
    ['DigitalOcean', `dop_v1_${'a1'.repeat(32)}`],
    ['SendGrid', `SG.${a(22)}.${a(43)}`],
    ['Stripe', `sk_live_${a(24)}`],
    ['Stripe, restricted', `rk_live_${a(24)}`],
    ['Hugging Face', `hf_${a(34)}`],
    ['Docker Hub', `dckr_pat_${a(27)}`],
    ['Databricks', `dapi${'a1'.repeat(16)}`],
    ['Telegram', `${'1'.repeat(9)}:${a(35)}`],
    ['a JSON Web Token', `eyJ${a(30)}.eyJ${a(60)}.${a(86)}`],
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----\n${a(64)}\n${a(40)}==\n-----END`],
    ['a bearer', `Bearer ${a(32)}`],
    ['basic authentication', `Basic ${a(24)}==`],
  ])('of %s', (_, token) => {
    for (const text of [token, `use ${token} now`, `"${token}"`, `x=${token}`, `/v1/${token}/x`]) {
      expect(holdsToken(text)).toBe(true);
      expect(withoutTokens(text)).not.toContain(token.slice(8, 20));
    }
  });

  it.each([
    ['user information', 'https://u:hunter2@a.example/x', 'https://[secret]@a.example/x'],
    ['a password with an @', 'http://u:x@hunter2@a/', 'http://[secret]@a/'],
    ['of a database', 'postgres://u:hunter2@db:5432/x', 'postgres://[secret]@db:5432/x'],
    ['a parameter', 'GET https://a/x?key=hunter2&n=1', 'GET https://a/x?key=[secret]&n=1'],
    ['an encoded name', 'https://a/x?api%5Fkey=hunter2', 'https://a/x?api%5Fkey=[secret]'],
    [
      'a presigned URL',
      'https://a/x?X-Amz-Date=1&X-Amz-Signature=ab',
      'https://a/x?X-Amz-Date=1&X-Amz-Signature=[secret]',
    ],
    [
      'Slack',
      `https://hooks.slack.com/services/T0000000A/B0000000A/${a(24)}`,
      'https://hooks.slack.com/services/T0000000A/B0000000A/[secret]',
    ],
    [
      'Discord',
      `https://discord.com/api/webhooks/${'1'.repeat(18)}/${a(68)}`,
      `https://discord.com/api/webhooks/${'1'.repeat(18)}/[secret]`,
    ],
    [
      'a bot',
      `https://api.telegram.org/bot${'1'.repeat(10)}:${a(35)}/sendMessage`,
      'https://api.telegram.org/bot[secret]/sendMessage',
    ],
  ])('in an address: %s', (_, text, shown) => {
    expect(withoutTokens(text)).toBe(shown);
  });
});

it.each([
  'POST https://edr.example.com/v1/hosts/host-7/quarantine?now',
  `https://registry.example/v2/nginx/manifests/sha256:${'0'.repeat(64)}`,
  `nginx:1.29@sha256:${'0'.repeat(64)}`,
  'https://api.example.com/users/123e4567-e89b-12d3-a456-426614174000?page_token=abc',
  'task-management-of-the-whole-company',
  'Basic understanding of tokens and secrets',
  'mail bob@example.com: see https://a.example/?q=monkey&author=bob',
  'sk-learn-is-spelled-otherwise-here',
  'no token at all, 10:30, a:b',
  'git@github.com:a/b.git',
  '0123456789abcdef0123456789abcdef01234567',
])('is left as it is: %s', (text) => {
  expect(withoutTokens(text)).toBe(text);
});

it('takes time that grows with the length alone', () => {
  for (const part of [
    'a',
    'sk-',
    'eyJ',
    'u:',
    '://',
    '?key',
    '-----BEGIN ',
    'Basic ',
    '/services/',
    '1',
    '@',
    'a.',
  ]) {
    const start = performance.now();
    withoutTokens(part.repeat(Math.ceil(65_536 / part.length)));
    expect(performance.now() - start).toBeLessThan(500);
  }
});
