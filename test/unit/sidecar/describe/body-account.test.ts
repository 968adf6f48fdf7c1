import { describe, expect, it } from 'vitest';
import { canonicalJson, type JsonValue } from '../../../../core/text/json.ts';
import { bodyAccount } from '../../../../sidecar/describe/body-account.ts';
import { aKubernetesCall, anHttpCall } from '../../../support/exchange.ts';
import { kubernetesProtobuf } from './protobuf-messages.ts';

const HTTP = anHttpCall();
const SECRETS = aKubernetesCall({ verb: 'create', resource: 'secrets', name: '' });

function account(
  type: string | undefined,
  body: string | Buffer | null,
  call: typeof HTTP | typeof SECRETS = HTTP,
  encoding?: string,
) {
  const headers = [
    ...(type === undefined ? [] : [['content-type', type] as const]),
    ...(encoding === undefined ? [] : [['content-encoding', encoding] as const]),
  ];
  return bodyAccount(call, { headers }, body === null ? null : Buffer.from(body), undefined);
}
const json = (value: JsonValue, call: typeof HTTP | typeof SECRETS = HTTP) => {
  const text = canonicalJson(value);
  return bodyAccount(
    call,
    { headers: [['content-type', 'application/json']] },
    Buffer.from(text),
    text,
  ).contents;
};

describe('of every body, its type and size are said', () => {
  it.each([
    ['application/octet-stream', '123', undefined, 'application/octet-stream, 3 bytes'],
    [undefined, 'é', undefined, 'no content type, 2 bytes'],
    [
      'application/x-git-upload-pack-request',
      '1',
      'gzip',
      'application/x-git-upload-pack-request, gzip, 1 bytes',
    ],
    ['text/plain', null, undefined, 'text/plain, over 1 MiB'],
  ] as const)('%s', (type, body, encoding, kind) => {
    expect(account(type, body, HTTP, encoding).kind).toBe(kind);
  });

  it('and nothing of what is encoded or not read', () => {
    expect(account('text/plain', 'x', HTTP, 'gzip').contents).toEqual([]);
    expect(account('text/plain', null).contents).toEqual([]);
    expect(account('application/octet-stream', 'hunter2').contents).toEqual([]);
  });
});

describe('what is in it is said without its secrets', () => {
  it.each([
    [
      'a form',
      'application/x-www-form-urlencoded',
      'grant_type=password&username=ana&password=hunter2&client%5Fsecret=hunter2&scope=a',
      'grant_type=password&username=ana&password=[secret]&client%5Fsecret=[secret]&scope=a',
    ],
    [
      'a form as people write it',
      'application/x-www-form-urlencoded',
      '_token=hunter2&user[password]=hunter2;\'hunter2"#hunter2&assertion=hunter2&refresh_token=hunter2&page_token=2&payload=%7B%22token%22%3A%22a%22%7D',
      '_token=[secret]&user[password]=[secret]&assertion=[secret]&refresh_token=[secret]&page_token=2&payload={"token":"[secret]"}',
    ],
    [
      'XML',
      'text/xml',
      '<login><user>ana</user><password>hunter2</password></login>',
      '<login><user>ana</user><password>[secret]</password></login>',
    ],
    [
      'a form with files',
      'multipart/form-data; boundary=x',
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhunter2\r\n--x\r\ncontent-disposition: form-data; name="note"\r\n\r\nhi\r\n--x--',
      'parts: file (a.txt), note',
    ],
    [
      'a configuration',
      'application/yaml',
      'user: ana\npassword: hunter2\n',
      'user: ana\npassword: [secret]',
    ],
    [
      'a text',
      'text/plain; charset=utf-8',
      'see https://u:hunter2@a.example',
      'see https://[secret]@a.example',
    ],
    ['GraphQL', 'application/graphql', '{ viewer { login } }', '{ viewer { login } }'],
  ])('%s', (_, type, body, contents) => {
    expect(account(type, body).contents).toEqual([contents]);
  });

  it('JSON', () => {
    expect(json({ user: 'ana', password: 'hunter2' })).toEqual([
      '{"password":"[secret]","user":"ana"}',
    ]);
  });

  it('a Secret', () => {
    expect(json({ metadata: { name: 'db' }, data: { x: 'aHVudGVyMg==' } }, SECRETS)).toEqual([
      '{"data":{"x":"[secret]"},"kind":"Secret","metadata":{"name":"db"}}',
    ]);
    expect(json([{ op: 'add', path: '/data/x', value: 'aHVudGVyMg==' }], SECRETS)).toEqual([
      '[{"op":"add","path":"/data/x"}]',
    ]);
    expect(account('application/yaml', 'data:\n  x: aHVudGVyMg==', SECRETS).contents).toEqual([]);
  });

  it("a secret of Vault's", () => {
    const call = anHttpCall({
      url: 'https://vault.example.com/v1/kv/data/shop',
      headers: { 'x-vault-request': 'true' },
    });
    expect(json({ data: { colour: 'hunter2' }, options: { cas: 0 } }, call)).toEqual([
      '{"data":{"colour":"[secret]"},"kind":"Secret","options":{"cas":0}}',
    ]);
  });

  it('an object that client-go wrote in protobuf', () => {
    const pod = kubernetesProtobuf('v1', 'Pod', [
      [
        1,
        [
          [1, 'job'],
          [3, 'shop'],
        ],
      ],
      [
        2,
        [
          [
            2,
            [
              [1, 'main'],
              [
                7,
                [
                  [1, 'DB_PASSWORD'],
                  [2, 'hunter2'],
                ],
              ],
            ],
          ],
        ],
      ],
    ]);
    expect(account('application/vnd.kubernetes.protobuf', pod).contents).toEqual([
      'v1 Pod, fields by number:',
      '{"1":{"1":"job","3":"shop"},"2":{"2":{"1":"main","7":{"DB_PASSWORD":"[secret]"}}}}',
    ]);
  });

  it('a Secret that client-go wrote in protobuf', () => {
    const secret = kubernetesProtobuf('v1', 'Secret', [
      [
        1,
        [
          [1, 'db'],
          [3, 'shop'],
        ],
      ],
      [
        2,
        [
          [1, 'x'],
          [2, 'hunter2'],
        ],
      ],
    ]);
    for (const call of [SECRETS, HTTP]) {
      expect(account('application/vnd.kubernetes.protobuf', secret, call).contents).toEqual([
        'v1 Secret, fields by number:',
        '{"1":{"1":"db","3":"shop"}}',
      ]);
    }
  });

  it('what is cut is cut before a secret, not within', () => {
    const filler = 'a=b&'.repeat(511);
    expect(
      account('application/x-www-form-urlencoded', `${filler}password=hunter2`).contents[0],
    ).not.toContain('hunt');
    const words = 'word '.repeat(408);
    expect(account('text/plain', `${words}ghp_${'a1'.repeat(18)}`).contents[0]).not.toContain(
      'ghp_',
    );
  });
});
