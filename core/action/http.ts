/** An action of type HTTP: one request to any host but the API server. */

import { ProblemError } from '../api/problem.ts';
import { record, text, textMap } from '../text/members.ts';
import { formatUrl, type ParsedUrl, parseUrl, printable } from '../text/url.ts';
import { type ActionType, outcomeOfStatus } from './action-type.ts';
import { type ActionBody, parseActionBody, statedBody } from './body.ts';
import { invalid, present } from './grant-field.ts';
import { HEADER_NAME, HEADER_VALUE } from './header-form.ts';
import { belongsToAction } from './headers.ts';
import { wasSignificant } from './inert-headers.ts';
import { withListsInOneSpelling } from './list-headers.ts';
import { mapLines, quote } from './manifest-lines.ts';
import { headersWithDigests, urlWithDigests } from './secret-digests.ts';
import { writesSecret } from './secret-store.ts';

export interface HttpAction {
  type: 'HTTP';
  method: string;
  /** As `formatUrl` writes it. */
  url: string;
  /** Lower-case names; only headers that belong to the action. */
  headers: Record<string, string>;
  body: ActionBody;
}

/** Methods whose requests have no body to any server (RFC 9110 9.3). */
const METHODS_WITHOUT_BODY: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export const HTTP: ActionType<HttpAction> = {
  member: 'http',

  parse(value) {
    const o = record(value, 'action', ['type', 'method', 'url', 'headers', 'body']);
    return {
      type: 'HTTP',
      method: text(o['method'], 'action.method', 32),
      url: text(o['url'], 'action.url', 8192),
      headers: withoutInert(textMap(o['headers'], 'action.headers', 64, 8192)),
      body: parseActionBody(o['body']),
    };
  },

  canonical: (action, written) => ({
    ...action,
    url: urlWithDigests(action.url, written),
    headers: headersWithDigests(withListsInOneSpelling(action.headers), written),
  }),

  stated({ http }) {
    const field = 'spec.action.http';
    const { method, url: given, headers, body: spec } = present(http, field);
    const url = statedUrl(given, `${field}.url`);
    const stated = statedHeaders(headers ?? {}, `${field}.headers`);
    const body = statedBody(spec, `${field}.body`);
    if (body.form !== 'None' && METHODS_WITHOUT_BODY.includes(method)) {
      throw invalid(`${field}.body`, `a ${method} request has no body; leave it out`);
    }
    return { action: { type: 'HTTP', method, url: formatUrl(url), headers: stated }, body, url };
  },

  summary: ({ method, url }) => `${method} ${url.slice(url.indexOf('//') + 2)}`,

  manifestLines: ({ method, url, headers }) => [
    `method: ${quote(method)}`,
    `url: ${quote(url)}`,
    ...mapLines('headers', headers),
  ],

  // A credential is never sent in clear text, so a grant for `http:` must not have one.
  credential: ({ url }) => (url.startsWith('https:') ? { audience: origin(url) } : undefined),

  bodyIsSecret: writesSecret,

  outcome: outcomeOfStatus,
};

/** A sidecar of 0.1 takes more headers for part of the action. */
function withoutInert(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !wasSignificant(name)));
}

function statedUrl(text: string, field: string): ParsedUrl {
  try {
    return parseUrl(text, field);
  } catch (error) {
    if (error instanceof ProblemError) throw invalid(field, stripField(error.detail));
    throw error;
  }
}

function statedHeaders(
  headers: Readonly<Record<string, string>>,
  field: string,
): Record<string, string> {
  // Without prototype: `__proto__` is a valid field name (RFC 9110 5.1), and must not vanish from what is compared.
  const stated: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    const at = `${field}[${printable(name, 60)}]`;
    // A grant of 0.1 goes on to cover the call that it is for.
    if (wasSignificant(name)) continue;
    if (!HEADER_NAME.test(name)) throw invalid(at, 'header names are written in lower case');
    if (!belongsToAction(name)) {
      throw invalid(
        at,
        'this header never takes part in matching (it is forwarded as it is, rebuilt or removed); leave it out',
      );
    }
    if (!HEADER_VALUE.test(value)) {
      throw invalid(at, 'values are printable ASCII without leading or trailing space');
    }
    stated[name] = value;
  }
  return stated;
}

/** The detail without the field it starts with: `invalid` puts its own there. */
function stripField(detail: string): string {
  return detail.replace(/^[^:]*: /, '').replace(/\.$/, '');
}

function origin(url: string): string {
  const end = url.indexOf('/', url.indexOf('//') + 2);
  return end === -1 ? url : url.slice(0, end);
}
