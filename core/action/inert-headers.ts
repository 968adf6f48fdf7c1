/**
 * Headers that a grant need not name, since they have no effect at the server. They are a way out all the same: whoever
 * controls the agent writes them, and the service may keep them, under an authority that somebody else lent. So each has the
 * form that its clients send and a bound, and all of them together have one. What is not in its form is left out: it has no
 * effect, so nothing is lost; what must not be lost is refused.
 */

import type { HeaderPair } from '../text/header-pair.ts';
import { HEADER_VALUE } from './header-form.ts';

interface InertHeader {
  readonly format: RegExp;
  /** Most characters of one line. */
  readonly limit: number;
  /** What becomes of a value that is not in its form; `Refuse` where the server would do something else without it. */
  readonly otherwise?: 'Drop' | 'Refuse' | 'Cut';
}

/** Most headers, and characters of their names and values, that pass without a grant's naming them. */
export const MAX_INERT_HEADERS = 40;
export const MAX_INERT_CHARACTERS = 2_048;
const WS = '[ \\t]{0,3}';
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}";
/** Without the quotes, too, that URLs need. */
const VALUE = '(?:[!#-+.-:<-\\[\\]-~-]{1,127}|"[!#-\\[\\]-~ ]{0,127}")';
/** RFC 9110 12.5: members with parameters. Java's client sends `*; q=.2`. */
const RANGE = `(?:${TOKEN}(?:/${TOKEN})?(?:${WS};${WS}${TOKEN}(?:=${VALUE})?){0,8};?)`;
const listOf = (member: string): RegExp =>
  new RegExp(`^${member}(?:${WS},${WS}${member}){0,63}${WS},?$`);

const ID = /^[A-Za-z0-9._:/+=@|{}-]{1,128}$/;
const HEX = /^[0-9a-f]{16}(?:[0-9a-f]{16})?$/i;
const BOOLEAN = /^(?:[01]|true|false)$/i;
const NUMBER = /^-?[0-9]{1,20}$/;
const WORD = /^[A-Za-z0-9_.@-]{1,64}$/;
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[0-9a-f-]{1,64})?$/;
/** RFC 9110 10.1.5, and the JSON that pip and uv add; without `$`, `<`, `>` and the backtick, on which readers of logs act. */
const PRODUCTS = /^[ !-#%-;=?-_a-~]*$/;
/** What the SDKs made by Stainless say of themselves. */
const STAINLESS = /^[A-Za-z0-9 ._:/+,-]{1,64}$/;
/** Anything that HTTP allows: what these hold is the client's own. */
const TEXT = HEADER_VALUE;
/** What the chart adds. */
const ADDED: InertHeader = { format: TEXT, limit: 1_024 };

const id = { format: ID, limit: 128 } as const;
const hex = { format: HEX, limit: 32 } as const;
const boolean = { format: BOOLEAN, limit: 5 } as const;
const number = { format: NUMBER, limit: 20 } as const;
const word = { format: WORD, limit: 64 } as const;
const traceparent = { format: TRACEPARENT, limit: 128 } as const;
const products = { format: PRODUCTS, limit: 512, otherwise: 'Cut' } as const;
const stainless = { format: STAINLESS, limit: 64 } as const;
/** User-Agent Client Hints (WICG), in the form of structured fields (RFC 9651). */
const clientHint = { format: /^[A-Za-z0-9 .;=,()/:?_"-]{1,256}$/, limit: 256 } as const;
const text = { format: TEXT, limit: 512 } as const;
/** RFC 9110 5.6.7, as everybody writes it, or as clouds have it in what is signed. */
const time = {
  format: /^(?:[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT|[0-9]{8}T[0-9]{6}Z)$/,
  limit: 29,
} as const;
/** Names a call so that a second one under the same name has no effect: without it the call is another one. */
const idempotency = { format: /^[!-~]{1,255}$/, limit: 255, otherwise: 'Refuse' } as const;

/** Names that were part of the action in 0.1: what grants and sidecars of that release say of them is ignored. */
const INERT_SINCE = {
  // Clocks: when the client sent or signed the call, and how long it waits (RFC 9110 6.6.1, gRPC over HTTP/2, Connect)
  'connect-timeout-ms': { format: /^[0-9]{1,10}$/, limit: 10 },
  date: time,
  'grpc-timeout': { format: /^[0-9]{1,8}[HMSmun]$/, limit: 9 },
  'correlation-context': text,
  'correlation-id': id,
  'client-request-id': id,
  'eagleeye-rpcid': id,
  'eagleeye-traceid': id,
  'elastic-apm-traceparent': traceparent,
  'helicone-request-id': id,
  'langsmith-trace': text,
  'grpc-trace-bin': { format: /^[A-Za-z0-9+/=_-]{1,64}$/, limit: 64 },
  'ms-cv': id,
  newrelic: text,
  'ot-tracer-sampled': boolean,
  'ot-tracer-spanid': hex,
  'ot-tracer-traceid': hex,
  'paypal-request-id': idempotency,
  'repeatability-first-sent': time,
  'repeatability-request-id': idempotency,
  'request-id': id,
  'sec-ch-ua': clientHint,
  'sec-ch-ua-arch': clientHint,
  'sec-ch-ua-bitness': clientHint,
  'sec-ch-ua-form-factors': clientHint,
  'sec-ch-ua-full-version': clientHint,
  'sec-ch-ua-full-version-list': clientHint,
  'sec-ch-ua-mobile': { format: /^\?[01]$/, limit: 2 },
  'sec-ch-ua-model': clientHint,
  'sec-ch-ua-platform-version': clientHint,
  'sec-ch-ua-wow64': clientHint,
  'sec-ch-ua-platform': { format: /^"[A-Za-z0-9 ]{0,32}"$/, limit: 34 },
  'sec-fetch-storage-access': word,
  'sec-fetch-user': { format: /^\?1$/, limit: 2 },
  'sec-gpc': { format: /^1$/, limit: 1 },
  sw8: text,
  'sw8-correlation': text,
  'sw8-x': { format: /^[01](?:- ?[0-9]{0,20})?$/, limit: 24 },
  'sentry-trace': { format: /^[0-9a-f]{32}-[0-9a-f]{16}(?:-[01])?$/i, limit: 51 },
  'uber-trace-id': {
    format: /^[0-9a-f]{1,32}(?::|%3A)[0-9a-f]{1,16}(?::|%3A)[0-9a-f]{1,16}(?::|%3A)[0-9a-f]{1,2}$/i,
    limit: 80,
  },
  'upgrade-insecure-requests': { format: /^1$/, limit: 1 },
  'x-amz-date': time,
  'x-amzn-trace-id': {
    format:
      /^(?:Root|Parent|Self|Sampled|Lineage)=[0-9A-Za-z:-]{1,64}(?:; ?(?:Root|Parent|Self|Sampled|Lineage)=[0-9A-Za-z:-]{1,64}){0,4}$/,
    limit: 256,
  },
  'x-client-request-id': id,
  'x-client-trace-id': id,
  'x-cloud-trace-context': { format: /^[0-9a-f]{32}(?:\/[0-9]{1,20})?(?:;o=[0-3])?$/i, limit: 64 },
  'x-datadog-origin': word,
  'x-datadog-parent-id': number,
  'x-datadog-sampling-priority': number,
  'x-datadog-tags': text,
  'x-datadog-trace-id': number,
  'x-dynatrace': text,
  'x-goog-date': time,
  'x-goog-gcs-idempotency-token': idempotency,
  'x-honeycomb-trace': text,
  'x-idempotency-key': idempotency,
  'x-instana-l': {
    format: /^[01](?:,correlationType=[a-z]{1,16};correlationId=[0-9a-f]{1,32})?$/,
    limit: 96,
  },
  'x-instana-s': hex,
  'x-instana-t': hex,
  'x-ms-correlation-request-id': id,
  'x-ms-date': time,
  'x-ms-request-id': id,
  'x-newrelic-id': text,
  'x-newrelic-transaction': text,
  'x-ot-span-context': text,
  'x-portkey-trace-id': id,
  'x-span-id': id,
  'x-stainless-async': stainless,
  'x-stainless-custom-poll-interval': stainless,
  'x-stainless-helper': stainless,
  'x-stainless-helper-method': stainless,
  'x-stainless-poll-helper': stainless,
  'x-stainless-raw-response': stainless,
  'x-stainless-read-timeout': stainless,
  'x-stripe-client-telemetry': text,
  'x-terraform-version': word,
  'x-trace-id': id,
} as const satisfies Readonly<Record<string, InertHeader>>;

/** By lower-case name. */
const INERT: Readonly<Record<string, InertHeader>> = {
  accept: { format: listOf(RANGE), limit: 1_024 },
  'accept-charset': { format: listOf(RANGE), limit: 256 },
  'accept-encoding': { format: listOf(RANGE), limit: 256 },
  'accept-language': { format: listOf(RANGE), limit: 256 },
  // RFC 9111 5.2.1; what else there is, clients do not say.
  'cache-control': {
    format: listOf(
      '(?:no-cache|no-store|no-transform|only-if-cached|must-revalidate|proxy-revalidate|private|public|immutable|(?:s-maxage|max-age|max-stale|min-fresh|stale-if-error|stale-while-revalidate)(?:=[0-9]{1,10})?)',
    ),
    limit: 128,
  },
  'content-encoding': { format: TEXT, limit: 128, otherwise: 'Refuse' },
  'content-type': { format: TEXT, limit: 512, otherwise: 'Refuse' },
  dnt: { format: /^[01]$/, limit: 1 },
  'idempotency-key': idempotency,
  pragma: { format: /^no-cache$/i, limit: 8 },
  // RFC 9218 4
  priority: {
    format: /^(?:u=[0-7](?:, ?i(?:=\?[01])?)?|i(?:=\?[01])?(?:, ?u=[0-7])?)$/,
    limit: 16,
  },
  'sec-fetch-dest': word,
  'sec-fetch-mode': word,
  'sec-fetch-site': word,
  'user-agent': products,
  // W3C Trace Context, Baggage and B3
  baggage: text,
  traceparent,
  tracestate: text,
  b3: {
    format: /^(?:[01d]|[0-9a-f]{16}(?:[0-9a-f]{16})?-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?)$/i,
    limit: 68,
  },
  'x-b3-flags': boolean,
  'x-b3-parentspanid': hex,
  'x-b3-sampled': boolean,
  'x-b3-spanid': hex,
  'x-b3-traceid': hex,
  'x-request-id': id,
  'x-correlation-id': id,
  // Telemetry of well-known SDKs
  'amz-sdk-invocation-id': id,
  'amz-sdk-request': {
    format: /^[a-z]{1,16}=[0-9A-Za-z]{1,20}(?:; ?[a-z]{1,16}=[0-9A-Za-z]{1,20}){0,4}$/,
    limit: 128,
  },
  'x-amz-user-agent': products,
  'x-goog-api-client': products,
  'x-ms-client-request-id': id,
  'x-stainless-arch': stainless,
  'x-stainless-lang': stainless,
  'x-stainless-os': stainless,
  'x-stainless-package-version': stainless,
  'x-stainless-retry-count': stainless,
  'x-stainless-runtime': stainless,
  'x-stainless-runtime-version': stainless,
  'x-stainless-timeout': stainless,
  // npm: who asks and why, the session new with every run (npm-registry-fetch, pacote)
  'npm-auth-type': word,
  'npm-command': word,
  'npm-scope': { format: /^@?[A-Za-z0-9._~-]{0,214}$/, limit: 215 },
  'npm-session': word,
  // RFC 2045 base64 in Subresource Integrity's form, one or more
  'pacote-integrity': { format: /^[A-Za-z0-9+/=? -]{1,512}$/, limit: 512 },
  'pacote-pkg-id': { format: /^[A-Za-z0-9@:/._~+%#^*<>=|-]{1,256}$/, limit: 256 },
  'pacote-req-type': word,
  'pacote-version': word,
  // kubectl, KEP-859
  'kubectl-command': { format: /^[A-Za-z0-9 ._-]{1,64}$/, limit: 64 },
  'kubectl-session': id,
  ...INERT_SINCE,
};

/** Headers without an effect at the server, lower case. The chart can add names. */
export const INERT_HEADERS: ReadonlySet<string> = new Set(Object.keys(INERT));

/** Whether 0.1 took the header for part of the action. */
export function wasSignificant(name: string): boolean {
  return Object.hasOwn(INERT_SINCE, name);
}

/** Of these inert headers the value is the client's own text: with a credential they stay behind. */
export const FREE_TEXT_HEADERS: ReadonlySet<string> = new Set(
  Object.keys(INERT).filter((name) => INERT[name] === text),
);

/**
 * What becomes of one line of an inert header: the pair to send, `Drop`, or `Refuse`.
 * @param name lower case; one that the chart adds has no form but that of every header
 * @param isRepeated whether a line before has the name already, and the header is no list
 */
export function judgeInert(
  name: string,
  value: string,
  isRepeated = false,
): HeaderPair | 'Drop' | 'Refuse' {
  const rule = Object.hasOwn(INERT, name) ? (INERT[name] ?? ADDED) : ADDED;
  const { format, limit, otherwise = 'Drop' } = rule;
  if (!isRepeated && value.length <= limit && format.test(value)) return [name, value];
  if (isRepeated || otherwise !== 'Cut') return otherwise === 'Cut' ? 'Drop' : otherwise;
  const cut = leadingProducts(value, rule);
  return cut === '' ? 'Drop' : [name, cut];
}

/** The products that come first: some services turn a call without User-Agent down. */
function leadingProducts(value: string, { format, limit }: InertHeader): string {
  const products = value.slice(0, limit + 1).split(' ');
  const odd = products.findIndex((product) => !format.test(product));
  // The last may have been cut through.
  return products
    .slice(0, odd === -1 ? -1 : odd)
    .join(' ')
    .trimEnd();
}

/** As many as pass together, in their order: first those that would be refused rather than dropped, then what is asked for. */
export function withinBounds(headers: readonly HeaderPair[]): readonly HeaderPair[] {
  if (fits(headers)) return headers;
  const kept = new Set<HeaderPair>();
  for (const rank of [0, 1, 2]) {
    for (const header of headers) {
      if (rankOf(header) === rank && fits([...kept, header])) kept.add(header);
    }
  }
  return headers.filter((header) => kept.has(header));
}

function fits(headers: readonly HeaderPair[]): boolean {
  const characters = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return headers.length <= MAX_INERT_HEADERS && characters <= MAX_INERT_CHARACTERS;
}

function rankOf([name]: HeaderPair): number {
  if (INERT[name]?.otherwise === 'Refuse') return 0;
  // What the chart adds, somebody wants there.
  return name === 'accept' || name === 'user-agent' || !INERT_HEADERS.has(name) ? 1 : 2;
}
