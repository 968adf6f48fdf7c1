/** Secrets inside texts: found by their names (`secret-names.ts`), and by the forms that services give their own. */

import { isSecretParameter } from './secret-names.ts';
import { sha256Hex } from './sha256.ts';

/** What stands for a secret where a person reads. */
export const REDACTED = '[secret]';

/** In grants and on the wire: a secret by its digest, so that it is compared and nobody can read it. */
const DIGEST = /^secret:sha256:[0-9a-f]{64}$/;

/** The digest of a secret, as a grant states it. */
export function secretDigest(secret: string): string {
  return `secret:sha256:${sha256Hex(secret)}`;
}

export function isSecretDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Whether a digest stands somewhere in the text. */
export function holdsSecretDigest(text: string): boolean {
  return text.includes('secret:sha256:');
}

/** Tokens whose form tells what they are, whatever they are called. None of the patterns takes more than linear time. */
const FORMS: readonly string[] = [
  // A digest as a call says it is no digest of ours.
  'secret:sha256:[0-9a-f]{64}',
  // GitHub, GitLab
  'gh[opsur]_[A-Za-z0-9]{16,255}',
  'github_pat_[A-Za-z0-9_]{20,255}',
  'gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct)-[A-Za-z0-9_.-]{16,255}',
  // OpenAI, Anthropic and those who follow them; a digit tells them from words with hyphens
  'sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{16,512}',
  'xai-[A-Za-z0-9]{20,255}',
  'gsk_[A-Za-z0-9]{20,255}',
  'hf_[A-Za-z0-9]{20,255}',
  'r8_[A-Za-z0-9]{20,255}',
  'nvapi-[A-Za-z0-9_-]{20,255}',
  'pplx-[A-Za-z0-9]{20,255}',
  // Slack, Telegram, Discord
  'xox[abceoprs]-[A-Za-z0-9-]{10,512}',
  'xapp-[A-Za-z0-9-]{10,512}',
  '[0-9]{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])',
  '[MNO][A-Za-z0-9_-]{23,25}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,40}',
  // Clouds
  '(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])',
  'AIza[A-Za-z0-9_-]{30,64}',
  'ya29\\.[A-Za-z0-9_.-]{20,2048}',
  'GOCSPX-[A-Za-z0-9_-]{20,64}',
  'do[opr]_v1_[a-f0-9]{32,64}',
  'AccountKey=[A-Za-z0-9+/=]{40,128}',
  'SharedAccessKey=[A-Za-z0-9+/=]{20,128}',
  // Registries and forges
  'npm_[A-Za-z0-9]{30,64}',
  'pypi-[A-Za-z0-9_-]{30,512}',
  'dckr_pat_[A-Za-z0-9_-]{20,64}',
  'AKCp[A-Za-z0-9]{60,128}',
  'rubygems_[a-f0-9]{40,64}',
  'cio[A-Za-z0-9]{32}(?![A-Za-z0-9])',
  // Payments, mail, work
  '[rsp]k_(?:live|test)_[A-Za-z0-9]{10,255}',
  'whsec_[A-Za-z0-9+/=]{20,128}',
  'sq0(?:atp|csp)-[A-Za-z0-9_-]{20,64}',
  'shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}',
  'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,64}',
  'key-[0-9a-f]{32}(?![0-9a-f])',
  'ATATT3[A-Za-z0-9_=-]{20,255}',
  'ATBB[A-Za-z0-9_=-]{20,255}',
  'lin_(?:api|oauth)_[A-Za-z0-9]{20,255}',
  'figd_[A-Za-z0-9_-]{20,255}',
  '(?:secret|ntn)_[A-Za-z0-9]{40,64}',
  'pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}',
  // Operations
  'hv[brs]\\.[A-Za-z0-9_-]{20,512}',
  '[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_-]{40,128}',
  'gl(?:sa|c)_[A-Za-z0-9+/=_]{20,512}',
  'tskey-[A-Za-z0-9-]{20,128}',
  'dapi[a-f0-9]{32}',
  'NRAK-[A-Z0-9]{20,64}',
  'sntry[su]_[A-Za-z0-9+/=_]{20,512}',
  'PMAK-[A-Za-z0-9-]{20,128}',
  'pul-[a-f0-9]{40}',
  'sha256~[A-Za-z0-9_-]{43}',
  'AGE-SECRET-KEY-1[A-Z0-9]{50,64}',
  // CAS
  'ST-[0-9]{1,9}-[A-Za-z0-9-]{16,256}',
  // Private keys in PEM, HTTP's own (RFC 6750, RFC 7617)
  '-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\\s:,-]*',
  '[Bb]earer [A-Za-z0-9._~+/-]{16,8192}=*',
  '[Bb]asic (?=[A-Za-z+/]{0,64}[0-9=])[A-Za-z0-9+/]{8,2048}=*',
];
// A digit or letter before it would make it a part of something else.
const TOKEN = new RegExp(`(?<![A-Za-z0-9])(?:${FORMS.join('|')})`, 'g');
/**
 * JWT (RFC 7519) and JWE, and what stands before one in the same run of characters. It begins where such a run begins, and the
 * look-ahead finds the first `eyJ` in it for good: to try every one of them would take quadratic time.
 */
const JWT =
  /(?<![A-Za-z0-9_-])(?=((?:[A-Za-z0-9_-]*?[_-])??)eyJ)\1eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,16384}(?:\.[A-Za-z0-9_-]{1,8192}){1,3}/g;
/** Telegram writes `bot` before its token. */
const BOT_TOKEN = /(?<=\/bot)[0-9]{6,12}:[A-Za-z0-9_-]{20,64}/g;
/** Up to the last @, which a password may have, too. */
const USER_INFORMATION = /(?<=:\/\/)[^\s/?#"'<>]{0,256}@/g;
const PARAMETER = /(?<=[?&;])([A-Za-z_$@][\w.%$[\]-]{0,63})=([^&;#\s"'<>]{1,4096})/g;
/** The secret last segment of addresses whose knowledge is the authority to post there. */
const CAPABILITY_PATHS: readonly RegExp[] = [
  /(?<=\/services\/[TB][A-Z0-9]{6,12}\/B[A-Z0-9]{6,12}\/)[A-Za-z0-9]{16,64}/g,
  /(?<=\/(?:workflows|triggers)\/[TEW][A-Z0-9]{6,14}\/[A-Za-z0-9]{6,20}\/(?:[0-9]{6,24}\/)?)[A-Za-z0-9]{16,64}/g,
  /(?<=\/webhooks\/[0-9]{10,24}\/)[A-Za-z0-9_-]{40,128}/g,
  /(?<=\/IncomingWebhook\/[0-9a-f]{16,64}\/)[^\s/?#]{16,80}/g,
];

/** Whether some part of the text is a token, or an address with a secret in it. */
export function holdsToken(text: string): boolean {
  return withoutTokens(text) !== text;
}

/** The text with `[secret]` in the place of each token, user information, and secret parameter or segment of an address. */
export function withoutTokens(text: string): string {
  let clean = text
    .replace(JWT, `$1${REDACTED}`)
    .replace(TOKEN, REDACTED)
    .replace(BOT_TOKEN, REDACTED);
  for (const path of CAPABILITY_PATHS) clean = clean.replace(path, REDACTED);
  return withoutParameters(clean.replace(USER_INFORMATION, `${REDACTED}@`));
}

function withoutParameters(text: string): string {
  return text.replace(PARAMETER, (whole, name: string, value: string) =>
    value !== REDACTED && isSecretParameter(decoded(name), decoded(value))
      ? `${name}=${REDACTED}`
      : whole,
  );
}

/** As a server decodes a part of a query; what it cannot is left as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
