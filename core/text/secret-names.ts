/**
 * The one list of names under which credentials travel: headers, query parameters, members of JSON. What has such a name is
 * not shown, not logged, not written into a manifest, and not accepted in clear in a grant.
 *
 * Names are judged by whole words, and by the last of them above all, which is what the name is about: `access_token` is a
 * token, `token_count` is a count, and `max_tokens` or `nextPageToken` are tokens of another kind.
 */

/** A camelCase, snake_case, kebab-case or dotted name as lower-case words. Digits divide, and belong to no word. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
}

/** Whether a request or response header (lower-case name) carries a credential. */
export function isCredentialHeader(name: string): boolean {
  if (CREDENTIAL_HEADERS.has(name)) return true;
  const words = subjectOf(name);
  const last = words.at(-1) ?? '';
  return namesSecret(words) || SIGNATURES.has(last) || (last === 'key' && !isHarmlessKey(words));
}

/** Whether a query parameter, or a field of a form, carries a credential. @param value decoded */
export function isSecretParameter(name: string, value: string): boolean {
  const words = subjectOf(name);
  const last = words.at(-1);
  if (namesSecret(words)) return true;
  if (last === 'key') return !isHarmlessKey(words);
  if (last === 'sig' || last === 'signature') return true;
  // OpenWeather's key.
  if (last === 'appid') return /^[0-9a-f]{32}$/.test(value);
  return (last === 'code' || last === 'sign') && /^[^ ]{16,}$/.test(value);
}

/** Whether a member of JSON carries a credential, if its value is this text. */
export function isSecretMember(name: string, value: string): boolean {
  const words = subjectOf(name);
  const last = words.at(-1) ?? '';
  if (last === 'pin') return /^\d+$/.test(value);
  if (namesSecret(words)) return true;
  if (last !== 'key' && last !== 'code' && !SIGNATURES.has(last)) return false;
  // RabbitMQ's routing key is made of words; PagerDuty's is the authority to raise an alarm.
  return (!isHarmlessKey(words) || words.at(-2) === 'routing') && looksRandom(value);
}

/** Whether a member of JSON carries a credential, if its value is a number: passwords are, counts of tokens are not. */
export function isSecretNumber(name: string): boolean {
  const words = subjectOf(name);
  return NUMBERS.has(words.at(-1) ?? '') && (words.at(-1) === 'pin' || namesSecret(words));
}

/** Whether everything inside a member of JSON is about a credential: `credentials: {…}`, a list of tokens. */
export function isSecretContainer(name: string): boolean {
  return namesSecret(subjectOf(name));
}

/** Headers that the words of their names do not tell, each of a service that documents it so. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authentication',
  'cookie2',
  'remember-me',
  'user-session',
  'dpop',
  'jenkins-crumb',
  'proxy-authorization',
  'set-cookie',
  'set-cookie2',
  'x-amz-credential',
  'x-amz-mfa',
  'x-authentication',
  'x-goog-iam-authority-selector',
  'x-honeycomb-team',
  'x-hub-signature-256',
  'x-jfrog-art-api',
  'x-newrelic-license',
  'x-ms-authorization-auxiliary',
  'x-ovh-consumer',
  'x-parse-session',
  'x-plex-client-token',
  'x-registry-config',
  'x-session',
  'x-shopify-hmac-sha256',
  'x-vercel-protection-bypass',
  'x-wsse',
]);

/** What proves who wrote a call, for this one call. */
const SIGNATURES: ReadonlySet<string> = new Set(['sig', 'sign', 'signature']);

/** What a credential is called, as the last word of a name. */
const SECRETS: ReadonlySet<string> = new Set([
  'apikey',
  'apikeys',
  'apitoken',
  'assertion',
  'auth',
  'authkey',
  'authorization',
  'bearer',
  'contrasena',
  'cookie',
  'cookies',
  'cred',
  'credential',
  'credentials',
  'creds',
  'csrf',
  'hmac',
  'htpasswd',
  'jsessionid',
  'jwt',
  'kennwort',
  'otp',
  'pass',
  'passcode',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'passwort',
  'phpsessid',
  'pin',
  'plaintext',
  'psw',
  'pswd',
  'pw',
  'pwd',
  'samlart',
  'samlresponse',
  'sas',
  'secret',
  'secrets',
  'senha',
  'sessionid',
  'token',
  'tokens',
  'totp',
  'userpass',
  'verifier',
  'xsrf',
]);
/** Those whose value can be a number. */
const NUMBERS: ReadonlySet<string> = new Set([
  'otp',
  'pass',
  'passcode',
  'passwd',
  'password',
  'pin',
  'pwd',
  'secret',
  'token',
  'totp',
]);
/** Words that people write together, without a capital between them. */
const RUN_TOGETHER =
  /^(?:[a-z]+(?:authorization|password|passwd|passphrase|passwort)|(?:app|client|consumer|shared|user|webhook)secret|[a-z]*(?:access|api|auth|bearer|bot|csrf|deploy|identity|job|middleware|private|refresh|sas|secret|security|session|user|xsrf)token|(?:app|id)token|[a-z]*(?:access|account|api|auth|client|license|private|secret|session|signing|subscription)keys?|appkeys?)$/;
/** A key that is a credential, by the word before it. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'access',
  'account',
  'admin',
  'api',
  'app',
  'application',
  'auth',
  'authentication',
  'client',
  'consumer',
  'decryption',
  'deploy',
  'developer',
  'encryption',
  'functions',
  'hmac',
  'ingest',
  'ingestion',
  'integration',
  'license',
  'master',
  'private',
  'rapidapi',
  'root',
  'secret',
  'service',
  'session',
  'shared',
  'signing',
  'ssh',
  'storage',
  'subscription',
  'symmetric',
  'webhook',
  'write',
]);
/** A code that is a credential, by the word before it. */
const SECRET_CODES: ReadonlySet<string> = new Set([
  'access',
  'auth',
  'authorization',
  'backup',
  'device',
  'mfa',
  'otp',
  'recovery',
  'security',
  'sms',
  'totp',
  'verification',
]);
/** Tokens that say where to go on, how many there are, or which call is meant: no authority is in them. */
const HARMLESS_TOKENS: ReadonlySet<string> = new Set([
  'after',
  'backward',
  'before',
  'begin',
  'bos',
  'budget',
  'buy',
  'cached',
  'change',
  'cls',
  'completion',
  'continuation',
  'continue',
  'cursor',
  'delta',
  'end',
  'eos',
  'eot',
  'first',
  'forward',
  'idempotency',
  'input',
  'last',
  'list',
  'marker',
  'mask',
  'max',
  'min',
  'next',
  'output',
  'pad',
  'page',
  'pagination',
  'per',
  'prefix',
  'prev',
  'previous',
  'prompt',
  'reasoning',
  'remaining',
  'request',
  'resume',
  'scroll',
  'sell',
  'sep',
  'sequence',
  'skip',
  'special',
  'start',
  'starting',
  'stop',
  'suffix',
  'suppress',
  'sync',
  'thinking',
  'total',
  'unk',
  'used',
]);
/** `max_new_tokens` is a number, however it is written. */
const LIMITS: ReadonlySet<string> = new Set(['max', 'min', 'num']);
/** Keys under which something is found, and those that everybody may know. */
const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  'cache',
  'dedup',
  'deduplication',
  'foreign',
  'group',
  'idempotency',
  'index',
  'message',
  'object',
  'order',
  'partition',
  'primary',
  'public',
  'publishable',
  'routing',
  'row',
  'shard',
  'sort',
  'surrogate',
  'websocket',
]);
/** Names of secrets that are objects elsewhere: `imagePullSecrets`, and `existingSecret` of charts. */
const HARMLESS_SECRETS: ReadonlySet<string> = new Set(['existing', 'pull']);
/** Words behind what a name is about. */
const TRAILERS: ReadonlySet<string> = new Set([
  'again',
  'base',
  'binary',
  'blob',
  'confirm',
  'confirmation',
  'current',
  'data',
  'encoded',
  'encrypted',
  'hash',
  'header',
  'hint',
  'new',
  'old',
  'pem',
  'plain',
  'plaintext',
  'raw',
  'repeat',
  'str',
  'string',
  'text',
  'v',
  'val',
  'value',
  'verify',
]);

/** What a name is about stands at its end. A key of JSON can be as long as a body, and a list has it for each of its items. */
const LONGEST_NAME = 256;

/** The words of a name up to the one that it is about. */
function subjectOf(name: string): string[] {
  const words = wordsOf(name.slice(-LONGEST_NAME));
  while (words.length > 1 && TRAILERS.has(words.at(-1) ?? '')) words.pop();
  return words;
}

function namesSecret(words: readonly string[]): boolean {
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  switch (last) {
    case 'key':
    case 'keys':
      return SECRET_KEYS.has(before);
    case 'code':
    case 'codes':
      return SECRET_CODES.has(before);
    case 'id':
      return before === 'session';
    // Twilio's are the names of things: `MessagingServiceSid`.
    case 'sid':
      return words.length === 1 || before === 'connect' || before === 'session';
    case 'response':
      return before === 'saml';
    case 'token':
    case 'tokens':
      return !HARMLESS_TOKENS.has(before) && !words.some((word) => LIMITS.has(word));
    case 'secret':
    case 'secrets':
      return !HARMLESS_SECRETS.has(before);
    default:
      return SECRETS.has(last) || RUN_TOGETHER.test(last);
  }
}

function isHarmlessKey(words: readonly string[]): boolean {
  return HARMLESS_KEYS.has(words.at(-2) ?? '');
}

/** As generated keys look: long, without spaces, letters and digits, and neither a path nor words. */
function looksRandom(value: string): boolean {
  return (
    /^[A-Za-z0-9+/_=.~-]{20,}$/.test(value) &&
    /[0-9]/.test(value) &&
    /[A-Za-z]/.test(value) &&
    !value.split(/[/._~-]/).every((part) => WORD.test(part))
  );
}

/** A word, a number, or a word with a number behind it: `invoices/2026/12/report-000123.pdf` is made of them. */
const WORD = /^(?:[a-z]{1,15}|[A-Z]{1,15}|[A-Z][a-z]{1,14})?[0-9]{0,10}$/;
