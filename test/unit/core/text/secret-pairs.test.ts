import { describe, expect, it } from 'vitest';
import { withoutSecretPairs } from '../../../../core/text/secret-pairs.ts';

describe('a secret is not shown', () => {
  it.each([
    ['in an option of a command', 'mysqldump --host=db --password=hunter2 shop'],
    ['in an option in quotes', "vault login token='hunter2 a'"],
    ['in a variable before a command', 'A=b TOKEN=hunter2 make deploy'],
    ['in a header of a command', "curl -H 'X-Api-Key: hunter2' https://a.example"],
    ['in JSON of a command', `curl -d '{"user":"ana","password":"hunter2"}' https://a.example`],
    ['in a connection string', 'host=db user=ana password=hunter2 dbname=shop'],
    ['in a connection string with semicolons', 'Server=db;User ID=ana;Password=hunter2;'],
    ['in a query of GraphQL', 'mutation { login(user: "ana", password: "hunter2") { id } }'],
    ['in an escaped quotation', 'say(password: "hunter2\\"hunter2")'],
    ['in a quotation that was cut', 'login(password: "hunter2 hunter2'],
    ['in an element', '<soap:Body><urn:password>hunter2</urn:password></soap:Body>'],
    [
      'in an element with attributes',
      '<wsse:Password Type="#PasswordText">hunter2</wsse:Password>',
    ],
    ['in an element of CDATA', '<password><![CDATA[hunter2]]></password>'],
    ['in an attribute', '<server user="ana" password="hunter2"/>'],
    ['in a named element', '<property name="connection.password">hunter2</property>'],
    ['in an attribute of a named element', '<entry key="db/password" value="hunter2"/>'],
    [
      'in a member of XML-RPC',
      '<member><name>password</name><value><string>hunter2</string></value></member>',
    ],
    ['in two lines of YAML', 'env:\n  - name: DB_PASSWORD\n    value: hunter2\n'],
    ['in a list of YAML', 'secrets:\n  - password: hunter2\n'],
    ['in lines of JSON', '{"a":1}\n{"password":"hunter2"}\n'],
    ['behind an underscore', '_authToken=hunter2'],
  ])('%s', (_, text) => {
    const shown = withoutSecretPairs(text);
    expect(shown).not.toContain('hunter2');
    expect(shown).toContain('[secret]');
  });
});

describe('the rest stays as it is', () => {
  it.each([
    'the "password": was reset',
    'password = ""',
    'automountServiceAccountToken: false',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is in a configuration
    'password: ${DB_PASSWORD}',
    'export TOKEN=$(cat /run/token)',
    'max_tokens=100 page_token=abc next_token="x" author="ana" keyboard=qwerty monkey="see"',
    'query($token: String!) { page(nextToken: "abc", author: "ana") { id } }',
    'requests.get(url, auth=auth, cookies=self.cookies, headers={"token": token})',
    'interface User {\n  name: string;\n  password: string;\n  token: string | null;\n}',
    'class User:\n  password: str\n  token: str = None\n',
    'login(password=getpass(), token=args.token)',
    '<author>ana</author><max_tokens>5</max_tokens><Key>a/b</Key>',
    '- name: LOG_LEVEL\n  value: debug\n',
    'const monkey = "key"; let author: "ana";',
  ])('%s', (text) => {
    expect(withoutSecretPairs(text)).toBe(text);
  });

  it('before, between and behind secrets', () => {
    expect(
      withoutSecretPairs('run --user=ana --password=hunter2 --token "x y" -v token=z end'),
    ).toBe('run --user=ana --password=[secret] --token "x y" -v token=[secret] end');
  });
});
