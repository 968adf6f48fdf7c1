import { describe, expect, it } from 'vitest';
import {
  isCredentialHeader,
  isSecretMember,
  isSecretNumber,
  isSecretParameter,
  wordsOf,
} from '../../../../core/text/secret-names.ts';

it.each([
  ['clientSecret', 'client secret'],
  ['APIKey', 'api key'],
  ['x-amz-security-token', 'x amz security token'],
  ['AWS_SECRET_ACCESS_KEY', 'aws secret access key'],
  ['oauth2Token', 'oauth token'],
  ['spec.password1', 'spec password'],
  ['', ''],
])('%s is the words %j', (name, words) => {
  expect(wordsOf(name).join(' ')).toBe(words);
});

describe('a header', () => {
  it.each([
    ...[
      'authorization',
      'proxy-authorization',
      'cookie',
      'set-cookie',
      'x-api-key',
      'api-key',
      'apikey',
    ],
    ...['x-apikey', 'x-auth-token', 'x-auth-key', 'x-access-token', 'x-csrf-token', 'x-xsrf-token'],
    ...['x-amz-security-token', 'private-token', 'job-token', 'deploy-token', 'x-gitlab-token'],
    ...['x-vault-token', 'x-goog-api-key', 'x-goog-iam-authorization-token', 'x-ms-client-secret'],
    ...[
      'ocp-apim-subscription-key',
      'x-ms-authorization-auxiliary',
      'x-functions-key',
      'aeg-sas-key',
    ],
    ...[
      'dd-api-key',
      'dd-application-key',
      'x-shopify-access-token',
      'x-figma-token',
      'circle-token',
    ],
    ...['x-sentry-token', 'x-sentry-auth', 'x-rapidapi-key', 'x-consul-token', 'x-nomad-token'],
    ...[
      'x-jfrog-art-api',
      'x-octopus-apikey',
      'x-airtable-api-key',
      'x-honeycomb-team',
      'x-splunk-token',
    ],
    ...[
      'x-newrelic-api-key',
      'api-token',
      'x-insert-key',
      'x-query-key',
      'x-license-key',
      'xi-api-key',
    ],
    ...[
      'signature',
      'x-signature',
      'x-twilio-signature',
      'stripe-signature',
      'kc-api-sign',
      'servicebusauthorization',
      'x-newrelic-license',
      'x-ms-blob-sas',
      'kc-api-passphrase',
      'x-ovh-consumer',
      'x-registry-config',
      'x-registry-auth',
      'x-wsse',
      'x-vercel-protection-bypass',
      'x-hub-signature',
      'x-hub-signature-256',
      'x-subject-token',
      'x-session-token',
      'x-session-id',
    ],
    ...[
      'x-plex-token',
      'x-emby-token',
      'x-redmine-api-key',
      'x-typesense-api-key',
      'x-algolia-api-key',
    ],
    ...[
      'x-meili-api-key',
      'meili-master-key',
      'x-parse-rest-api-key',
      'x-parse-master-key',
      'x-cmc_pro_api_key',
    ],
    ...[
      'x-app-key',
      'x-client-secret',
      'x-webhook-secret',
      'x-telegram-bot-api-secret-token',
      'dpop',
    ],
    ...[
      'x-atlassian-token',
      'x-auth',
      'x-authorization',
      'x-forwarded-access-token',
      'x-jwt-assertion',
    ],
    ...[
      'x-amz-mfa',
      'x-amz-server-side-encryption-customer-key',
      'x-my-company-password',
      'token',
      'access-token',
    ],
  ])('%s carries a credential', (name) => {
    expect(isCredentialHeader(name)).toBe(true);
  });

  it.each([
    ...['accept', 'if-match', 'range', 'prefer', 'origin', 'x-dry-run', 'x-author', 'x-authority'],
    ...[
      'idempotency-key',
      'x-idempotency-key',
      'surrogate-key',
      'x-partition-key',
      'sec-websocket-key',
    ],
    ...[
      'x-token-count',
      'x-secret-name',
      'x-amz-acl',
      'x-amz-content-sha256',
      'x-amz-date',
      'x-keyboard',
    ],
    ...[
      'x-passport-country',
      'x-github-api-version',
      'anthropic-version',
      'openai-beta',
      'if-none-match',
    ],
    ...['content-md5', 'x-monkey', 'x-ms-version', 'x-public-key', '__proto__', 'constructor'],
  ])('%s does not', (name) => {
    expect(isCredentialHeader(name)).toBe(false);
  });
});

describe('a query parameter', () => {
  it.each([
    ...[
      'key',
      'api_key',
      'apikey',
      'api-key',
      'apiKey',
      'access_token',
      'accessToken',
      'token',
      'auth',
      'jwt',
    ],
    ...[
      'sig',
      'signature',
      'Signature',
      'X-Amz-Signature',
      'X-Amz-Credential',
      'X-Amz-Security-Token',
    ],
    ...[
      'X-Goog-Signature',
      'X-Goog-Credential',
      'client_secret',
      'password',
      'passwd',
      'pwd',
      'pass',
    ],
    ...[
      'private_token',
      'job_token',
      'id_token',
      'id_token_hint',
      'refresh_token',
      'sessionid',
      'session_id',
    ],
    ...[
      'hapikey',
      'sastoken',
      'pw',
      'appid_signature',
      '_token',
      'csrfmiddlewaretoken',
      'device_code',
      'userpass',
      'user[password]',
      'connect.sid',
      'sid',
      'subscription-key',
      'code',
      'appkey',
      'app_key',
      'secret',
      'otp',
      'authuser_token',
      'hmac',
      'SAMLResponse',
    ],
  ])('%s carries a credential', (name) => {
    expect(isSecretParameter(name, '0123456789abcdef')).toBe(true);
  });

  it.each([
    ...[
      'q',
      'page',
      'per_page',
      'author',
      'page_token',
      'pageToken',
      'nextPageToken',
      'next_token',
      'continue',
    ],
    ...[
      'X-Amz-Date',
      'X-Amz-Expires',
      'X-Amz-SignedHeaders',
      'tokenizer',
      'secretName',
      'keyword',
      'sort_key',
    ],
    ...[
      'AccountSid',
      '$skiptoken',
      '$skipToken',
      '$deltatoken',
      'syncToken',
      'monkey',
      'keyboard',
      'assign',
      'design',
      'partition_key',
      'max_tokens',
      'labelSelector',
      'fieldManager',
      'sv',
      'se',
      'sr',
      'passport',
    ],
  ])('%s does not', (name) => {
    expect(isSecretParameter(name, '0123456789abcdef')).toBe(false);
  });

  it('code is one of authorization in JSON, too, if it is a long one', () => {
    expect(isSecretMember('code', '4/0AeaYSHDx3kPq7Zt1mBvW')).toBe(true);
    expect(isSecretMember('code', 'print(1)\n')).toBe(false);
    expect(isSecretMember('code', 'ORDER-2026-000123-EU-1')).toBe(false);
  });

  it('appid is the key of a weather service, and the name of an application', () => {
    expect(isSecretParameter('appid', '0123456789abcdef0123456789abcdef')).toBe(true);
    expect(isSecretParameter('appid', 'shop')).toBe(false);
  });

  it('code is the code of a country, too', () => {
    expect(isSecretParameter('code', 'US')).toBe(false);
  });
});

describe('a member of JSON', () => {
  it.each([
    ...[
      'password',
      'new_passwd',
      'PASSWORD',
      'pwd',
      'passphrase',
      'clientSecret',
      'client_secret',
      'access_token',
    ],
    ...[
      'refreshToken',
      'token',
      'tokens',
      'apiKey',
      'x-api-key',
      'accessKey',
      'AWS_SECRET_ACCESS_KEY',
      'privateKey',
    ],
    ...[
      'private_key_pem',
      'Authorization',
      'cookie',
      'credentials',
      'userPassword',
      'a"password',
      'clientsecret',
    ],
    ...[
      'password2',
      'passwordConfirmation',
      'client-key-data',
      'authtoken',
      'verification_code',
      'jwt',
      'authToken',
    ],
    ...[
      'client_token',
      'session_token',
      'signing_key',
      'recovery_codes',
      'currentPassword',
      'passwordHash',
      'otp',
    ],
  ])('%s is a secret', (name) => {
    expect(isSecretMember(name, 'x')).toBe(true);
  });

  it.each([
    ...[
      'max_tokens',
      'maxTokens',
      'max_completion_tokens',
      'max_output_tokens',
      'tokenizer',
      'token_count',
    ],
    ...[
      'next_token',
      'nextToken',
      'pageToken',
      'next_page_token',
      'continuationToken',
      'stop_token',
      'eos_token',
    ],
    ...[
      'secretName',
      'secretRef',
      'secretKeyRef',
      'imagePullSecrets',
      'existingSecret',
      'keyboard',
      'monkey',
    ],
    ...[
      'passport',
      'author',
      'authors',
      'authority',
      'key',
      'publicKey',
      'public_key',
      'tokenReview',
      'token_type',
    ],
    ...[
      'serviceAccountName',
      'passwordPolicy',
      'compass',
      'bypass',
      'cookieDomain',
      'tokenExpirationSeconds',
    ],
    ...[
      'budget_tokens',
      'max_new_tokens',
      'prompt_tokens',
      'cached_tokens',
      'secretary',
      'keys',
      'private',
      'credentialProvider',
    ],
    ...[
      'privateKeyRef',
      'authMode',
      'pinned',
      'signature',
      'passed',
      'code',
      'country_code',
      'stop_sequences',
    ],
  ])('%s is not', (name) => {
    expect(isSecretMember(name, 'x')).toBe(false);
  });

  it('key is a secret where its value was generated', () => {
    expect(isSecretMember('key', 'f3Zk81pQ0sL2mN7vXc4B')).toBe(true);
    expect(isSecretMember('public_key', 'f3Zk81pQ0sL2mN7vXc4B')).toBe(false);
    expect(isSecretMember('key', 'app.kubernetes.io/name')).toBe(false);
  });

  it('a number is a secret as a password, not as a count', () => {
    expect(['password', 'pin', 'otp', 'token'].map(isSecretNumber)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['max_tokens', 'tokens', 'maxToken', 'key', 'ping'].some(isSecretNumber)).toBe(false);
  });
});
