import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../../core/text/json.ts';
import { secretPointers, withoutSecrets } from '../../../../core/text/secret-json.ts';

describe('secrets in JSON are named by their pointers', () => {
  it.each<[string, JsonValue, string[]]>([
    ['a member', { password: 'hunter2' }, ['/password']],
    ['a number', { pin: 1234 }, ['/pin']],
    ['deep inside', { a: [{ b: [1, { userPassword: 'hunter2' }] }] }, ['/a/0/b/1/userPassword']],
    ['an odd name', { 'a/b~c_token': 'x' }, ['/a~1b~0c_token']],
    [
      'everything in an object',
      { credentials: { user: 'a', value: 'x', deep: { y: 'z' } } },
      ['/credentials/value', '/credentials/deep/y'],
    ],
    ['a list', { tokens: ['a', 'b'] }, ['/tokens/0', '/tokens/1']],
    [
      'an environment variable',
      {
        env: [
          { name: 'DB_PASSWORD', value: 'x' },
          { name: 'A', value: 'b' },
        ],
      },
      ['/env/0/value'],
    ],
    ['a Secret', { kind: 'Secret', data: { x: 'eA==' }, metadata: { name: 'a' } }, ['/data/x']],
    ['a JSON patch', [{ op: 'add', path: '/spec/token', value: 'x' }], ['/0/value']],
    ['a token of a known form', { note: `see ghp_${'a1'.repeat(18)}` }, ['/note']],
    ['an URL', { url: 'https://u:p@a.example/' }, ['/url']],
    ['a parameter in an URL', { callback: 'https://a.example/?api_key=x' }, ['/callback']],
    ['JSON in a string', { body: '{"password":"hunter2"}' }, ['/body']],
    [
      'a configuration',
      { data: { 'app.yaml': 'db:\n  host: a\n  password: hunter2\n' } },
      ['/data/app.yaml'],
    ],
    [
      "a parameter of AWS' store",
      { Name: '/shop/db/password', Type: 'String', Value: 'hunter2' },
      ['/Value'],
    ],
    [
      'a value that is said to be secret',
      [
        { Name: '/shop/db/url', Type: 'SecureString', Value: 'hunter2' },
        { key: 'a', value: 'hunter2', sensitive: true },
        { value: 'hunter2', isSecret: true },
        { id: 'b', type: 'password', value: 'hunter2' },
      ],
      ['/0/Value', '/1/value', '/2/value', '/3/value'],
    ],
    [
      'a parameter of a stack',
      { Parameters: [{ ParameterKey: 'DbPassword', ParameterValue: 'hunter2' }] },
      ['/Parameters/0/ParameterValue'],
    ],
    ['bytes of a secret', { SecretId: 'a', SecretBinary: 'aHVudGVyMg==' }, ['/SecretBinary']],
    ['what is to be encrypted', { KeyId: 'a', Plaintext: 'aHVudGVyMg==' }, ['/Plaintext']],
    [
      'arguments of a command',
      { args: ['--user', 'ana', '--password', 'hunter2', '--token=hunter2', '--verbose'] },
      ['/args/3', '/args/4'],
    ],
    ["a key of PagerDuty's", { routing_key: '0123456789abcdef0123456789abcdef' }, ['/routing_key']],
    ['an environment file', { data: { '.env': 'A=b\nexport API_KEY="hunter2"' } }, ['/data/.env']],
  ])('%s', (_, value, pointers) => {
    expect(secretPointers(value)).toEqual(pointers);
    expect(JSON.stringify(withoutSecrets(value))).not.toMatch(/hunter2|a1a1/);
  });

  it.each<[string, JsonValue]>([
    [
      'a model call',
      {
        model: 'm',
        max_tokens: 100,
        stop: ['x'],
        messages: [{ role: 'user', content: 'count the tokens' }],
      },
    ],
    [
      'the tools of a model call',
      {
        tools: [
          {
            parameters: {
              type: 'object',
              properties: { password: { type: 'string', description: 'the new one' } },
              required: ['password'],
            },
          },
        ],
      },
    ],
    [
      'a pod that uses Secrets',
      {
        spec: {
          imagePullSecrets: [{ name: 'r' }],
          automountServiceAccountToken: false,
          containers: [
            {
              env: [
                {
                  name: 'DB_PASSWORD',
                  valueFrom: { secretKeyRef: { name: 'db', key: 'password' } },
                },
              ],
            },
          ],
          volumes: [
            { name: 'v', secret: { secretName: 'db', items: [{ key: 'a', path: 'b' }] } },
            {
              name: 't',
              projected: {
                sources: [
                  {
                    serviceAccountToken: { path: 'token', audience: 'x', expirationSeconds: 3600 },
                  },
                ],
              },
            },
          ],
        },
      },
    ],
    ['a list of keys and values', { labels: [{ key: 'app', value: 'shop' }] }],
    [
      'keys of objects, of pages and of accounts',
      {
        Key: 'invoices/2026/12/report-000123.pdf',
        nextForwardToken: 'f/38',
        deltaToken: 'x',
        MessagingServiceSid: 'MG0123456789abcdef0123456789abcdef',
        routing_key: 'orders.created.europe.2026',
        suppress_tokens: '-1',
      },
    ],
    ['options of a command', { args: ['--token-count', '5', '--password-file', '/run/x', '-v'] }],
    ['words in a text', { reason: 'the "password": was reset' }],
    ['an author', { author: 'a', authors: ['b'], keyboard: 'c', passport: 'd' }],
  ])('none is in %s', (_, value) => {
    expect(secretPointers(value)).toEqual([]);
    expect(withoutSecrets(value)).toEqual(value);
  });

  it('the rest of a text stays', () => {
    expect(withoutSecrets({ 'app.yaml': 'db:\n  host: a\n  password: hunter2\nport: 1' })).toEqual({
      'app.yaml': 'db:\n  host: a\n  password: [secret]\nport: 1',
    });
  });
});
