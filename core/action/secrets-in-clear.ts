/** Secrets that a grant would keep where everybody reads who may read grants. */

import type { GrantAction, GrantBody } from '../api/generated/actiongrant.ts';
import { isRecord, type JsonValue, parseStrictJson } from '../text/json.ts';
import { secretPointers } from '../text/secret-json.ts';
import { printable } from '../text/url.ts';
import { headersWithDigests, parametersWithDigests, urlWithDigests } from './secret-digests.ts';
import { writesSecret } from './secret-store.ts';

export interface SecretInClear {
  /** As its author wrote it. */
  field: string;
  /** What is wrong, and the way out. */
  reason: string;
}

const AS_DIGEST =
  'Write secret:sha256: and its digest in its place (printf %s "$SECRET" | sha256sum), or take the manifest that the refused call was answered with';

/** The first secret in an action that `grantedAction` accepts, or undefined. */
export function secretInClear({ http, kubernetes }: GrantAction): SecretInClear | undefined {
  if (http !== undefined) {
    const { url, headers = {}, body } = http;
    const field = 'spec.action.http';
    return (
      changed(headers, headersWithDigests(headers, 'grant'), `${field}.headers`) ??
      inUrl(url, `${field}.url`) ??
      inBody(body, `${field}.body`, writesSecret(http) ? 'Secret' : undefined)
    );
  }
  if (kubernetes === undefined) return undefined;
  const { queryParameters = {}, body } = kubernetes;
  const field = 'spec.action.kubernetes';
  return (
    changed(
      queryParameters,
      parametersWithDigests(queryParameters, 'grant'),
      `${field}.queryParameters`,
    ) ?? inBody(body, `${field}.body`, kubernetes.resource === 'secrets' ? 'Secret' : undefined)
  );
}

function changed(
  clear: Readonly<Record<string, string>>,
  hidden: Readonly<Record<string, string>>,
  field: string,
): SecretInClear | undefined {
  const name = Object.keys(clear).find((key) => clear[key] !== hidden[key]);
  if (name === undefined) return undefined;
  return {
    field: `${field}[${printable(name, 60)}]`,
    reason: `this is a secret in clear, and many may read grants. ${AS_DIGEST}`,
  };
}

function inUrl(url: string, field: string): SecretInClear | undefined {
  const hidden = urlWithDigests(url, 'grant');
  if (hidden === url) return undefined;
  const [path = '', ...query] = url.split('?');
  const inPath = path !== hidden.split('?')[0];
  const parameter = query
    .join('?')
    .split('&')
    .find((pair) => !hidden.includes(pair));
  const place = inPath
    ? 'path'
    : `query parameter ${printable(parameter?.split('=')[0] ?? '', 60)}`;
  return {
    field,
    reason: `its ${place} holds a secret in clear, and many may read grants. ${AS_DIGEST}`,
  };
}

/** @param kind what the body is of, where it need not say so itself: a patch has no kind */
function inBody(
  body: GrantBody | undefined,
  field: string,
  kind?: string,
): SecretInClear | undefined {
  if (body?.json === undefined) return undefined;
  const value: JsonValue = parseStrictJson(body.json);
  const [pointer] = secretPointers(
    kind !== undefined && isRecord(value) ? { ...value, kind } : value,
  );
  if (pointer === undefined) return undefined;
  const place = isRecord(value) || Array.isArray(value) ? `its member ${printable(pointer)}` : 'it';
  return {
    field: `${field}.json`,
    reason: `${place} holds a secret in clear, and many may read grants. State the body by its digest: type SHA256, with the sha256sum of its bytes`,
  };
}
