/** Refusals and failures, as RFC 9457 problem documents with codes from one closed union. */

/** What each code means to the caller: HTTP status, whether trying again can help, and a title. */
export const PROBLEMS = {
  // The call itself
  RequestMalformed: { status: 400, retryable: false, title: 'The request is malformed' },
  RequestAmbiguous: {
    status: 400,
    retryable: false,
    title: 'The request can be read in more than one way',
  },
  HeaderRefused: { status: 400, retryable: false, title: 'A header is not allowed' },
  HeadersTooLarge: { status: 431, retryable: false, title: 'The request head is too large' },
  MethodRefused: { status: 405, retryable: false, title: 'The method is not supported' },
  TargetRefused: { status: 400, retryable: false, title: 'The request target is not allowed' },
  BodyInvalid: { status: 400, retryable: false, title: 'The request body is not acceptable' },
  BodyTooLarge: { status: 413, retryable: false, title: 'The request body is too large' },
  ContentEncodingRefused: {
    status: 415,
    retryable: false,
    title: 'Encoded request bodies are not accepted',
  },
  UpgradeRefused: { status: 400, retryable: false, title: 'Protocol upgrades are not supported' },
  ExpectationRefused: { status: 417, retryable: false, title: 'The expectation is not supported' },
  AuthorityMismatch: {
    status: 421,
    retryable: false,
    title: 'Destination, TLS server name and Host differ',
  },
  DestinationUnknown: {
    status: 421,
    retryable: false,
    title: 'The address stands for no name that is known',
  },
  ServerNameMissing: {
    status: 421,
    retryable: false,
    title: 'The TLS client sent no server name',
  },
  ProtocolRefused: { status: 400, retryable: false, title: 'The protocol is not supported' },
  KubernetesRequestRefused: {
    status: 403,
    retryable: false,
    title: 'This Kubernetes request can never be granted',
  },
  DiscoveryRefused: {
    status: 403,
    retryable: false,
    title: 'API discovery is not available to agents',
  },
  MCPNotSupported: { status: 501, retryable: false, title: 'MCP actions are not supported yet' },
  // Authority
  GrantRequired: { status: 403, retryable: false, title: 'No usable grant covers this action' },
  GrantForbidden: {
    status: 403,
    retryable: false,
    title: 'This requester may not create this grant',
  },
  GrantInvalid: { status: 422, retryable: false, title: 'The grant is not acceptable' },
  AlreadyUsed: { status: 409, retryable: false, title: 'This nonce was already used' },
  UseUnknown: { status: 404, retryable: true, title: 'No use with this nonce is known' },
  UseNotYours: { status: 403, retryable: false, title: 'This use belongs to another pod' },
  UseRaced: { status: 503, retryable: true, title: 'Other calls won the grant at the same time' },
  OutcomeAmbiguous: {
    status: 503,
    retryable: true,
    title: 'Whether the grant was consumed is not known; no credential was handed over',
  },
  CredentialRefused: {
    status: 403,
    retryable: false,
    title: 'The credential of this grant cannot be minted',
  },
  PodRefused: { status: 403, retryable: false, title: 'This pod cannot be injected' },
  // Who calls the exchange
  Unauthenticated: { status: 401, retryable: false, title: 'The caller is not authenticated' },
  PodUnknown: { status: 403, retryable: false, title: "The token's pod is not running" },
  PodNotInjected: {
    status: 403,
    retryable: false,
    title: "The token's pod is not as it would be injected",
  },
  TooManyRequests: { status: 429, retryable: true, title: 'Too many requests' },
  // Our own parts
  NotReady: { status: 503, retryable: true, title: 'Not ready' },
  ControllerUnavailable: {
    status: 503,
    retryable: true,
    title: 'The ActionGrant controller cannot be reached',
  },
  KubernetesUnavailable: {
    status: 503,
    retryable: true,
    title: 'The Kubernetes API server cannot be reached',
  },
  // Upstream
  UpstreamNameRefused: { status: 403, retryable: false, title: 'This host may not be called' },
  UpstreamUnresolved: { status: 502, retryable: false, title: 'The host cannot be resolved' },
  UpstreamUnreachable: { status: 502, retryable: false, title: 'The host cannot be reached' },
  UpstreamCertificateRefused: {
    status: 502,
    retryable: false,
    title: "The host's certificate is not acceptable",
  },
  UpstreamProtocolError: {
    status: 502,
    retryable: false,
    title: 'The host did not answer in acceptable HTTP',
  },
  UpstreamEncodedResponse: {
    status: 502,
    retryable: false,
    title: 'The host sent an encoded response, which cannot be checked',
  },
  CredentialEchoed: {
    status: 502,
    retryable: false,
    title: 'The host tried to send the credential back',
  },
  DeadlineExceeded: { status: 504, retryable: false, title: "The use's deadline has passed" },
  CallAborted: { status: 499, retryable: false, title: 'The caller went away' },
  ConfigurationInvalid: { status: 500, retryable: false, title: 'The configuration is wrong' },
  NotFound: { status: 404, retryable: false, title: 'Nothing is served here' },
  Internal: { status: 500, retryable: false, title: 'Internal error' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

/** The closed union of codes. Callers switch on it, never on text. */
export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemOptions {
  /** The field, header or parameter that is wrong, as its owner would write it. */
  field?: string;
  /** An apply-ready manifest of the grant that would allow the call. */
  manifest?: string;
  /** For the sidecar of the agent whose grant it is, and never shown. */
  nearBody?: NearBody;
  /** HTTP status, where it is not that of the code. */
  status?: number;
  cause?: unknown;
}

/** The JSON body (RFC 8785) that a grant states, where a refused call differs from it in its body alone. */
export interface NearBody {
  grant: string;
  json: string;
}

/** A refusal or failure that has a code. `detail` must never hold a secret. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly field: string | undefined;
  readonly manifest: string | undefined;
  readonly nearBody: NearBody | undefined;
  readonly status: number;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProblemError';
    this.code = code;
    this.detail = detail;
    this.field = options.field;
    this.manifest = options.manifest;
    this.nearBody = options.nearBody;
    this.status = options.status ?? PROBLEMS[code].status;
  }

  get retryable(): boolean {
    return PROBLEMS[this.code].retryable;
  }
}

/** RFC 9457 document, with our extension members `code`, `retryable`, `field` and `manifest`. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  retryable: boolean;
  field?: string;
  manifest?: string;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export function toProblemDocument(error: ProblemError): ProblemDocument {
  const { title, retryable } = PROBLEMS[error.code];
  return {
    type: `https://actiongrant.dev/problems/${error.code}`,
    title,
    status: error.status,
    detail: error.detail,
    code: error.code,
    retryable,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.manifest === undefined ? {} : { manifest: error.manifest }),
  };
}

export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === 'string' && Object.hasOwn(PROBLEMS, value);
}

/** Anything thrown becomes a ProblemError; the text of an unexpected error stays in `cause`, for the log only. */
export function asProblem(error: unknown): ProblemError {
  return error instanceof ProblemError
    ? error
    : new ProblemError('Internal', 'An unexpected error occurred; see the log of this process.', {
        cause: error,
      });
}
