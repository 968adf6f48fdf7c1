/**
 * What went wrong with a call to the API server. Callers switch on `kind`, never on the text.
 *
 * For a write the kinds say whether it may have happened:
 * - `Ambiguous`: it may have been applied, or may still be. Read back.
 * - every other kind: it was definitely not applied.
 */
export type KubernetesErrorKind =
  /** 400: the request makes no sense to the API server. */
  | 'BadRequest'
  /** 401. */
  | 'Unauthorized'
  /** 403, admission refusals included. */
  | 'Forbidden'
  /** 404. */
  | 'NotFound'
  /** 409 with reason AlreadyExists. */
  | 'AlreadyExists'
  /** Any other 409: resourceVersion or UID precondition. */
  | 'Conflict'
  /** 410, or a watch's ERROR event that says so: the resourceVersion is too old. */
  | 'Gone'
  /** 422: validation. */
  | 'Invalid'
  /** 429: refused before it was handled. See `retryAfterMilliseconds`. */
  | 'TooManyRequests'
  /** Any other 4xx that proves the request was not carried out. */
  | 'Rejected'
  /** A write whose fate is unknown. */
  | 'Ambiguous'
  /** A read that failed, or a write no byte of which was sent. */
  | 'Unavailable'
  /** A read was answered with something that is not what it should be. */
  | 'Malformed'
  /** A read's answer was larger than is kept: ask for less. */
  | 'TooLarge'
  /** The caller's signal fired; for a write: before any byte was sent. */
  | 'Aborted';

/**
 * What a failed call may have changed. `None`: nothing that matters, even if it was carried out (reads, reviews, and mints
 * whose token nobody got).
 */
export type Effect = 'None' | 'Write';

export interface KubernetesErrorDetails {
  httpStatus?: number;
  /** `reason` of the API server's Status. */
  reason?: string;
  retryAfterMilliseconds?: number;
}

const MESSAGE_LIMIT = 512;

/** `message` is the Status's own message, bounded and printable; never a body, header or token. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly kind: KubernetesErrorKind;
  readonly httpStatus?: number;
  readonly reason?: string;
  readonly retryAfterMilliseconds?: number;

  constructor(kind: KubernetesErrorKind, message: string, details: KubernetesErrorDetails = {}) {
    super(boundedText(message));
    this.kind = kind;
    if (details.httpStatus !== undefined) this.httpStatus = details.httpStatus;
    if (details.reason !== undefined) this.reason = details.reason;
    if (details.retryAfterMilliseconds !== undefined) {
      this.retryAfterMilliseconds = details.retryAfterMilliseconds;
    }
  }
}

/** True for a KubernetesError of one of these kinds. */
export function isKubernetesError(
  error: unknown,
  ...kinds: KubernetesErrorKind[]
): error is KubernetesError {
  return error instanceof KubernetesError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** A server's text as an error may show it: printable, bounded, and without anything like a JWT. */
function boundedText(text: string): string {
  const printable = text
    .slice(0, 4 * MESSAGE_LIMIT)
    .replace(/[\s\p{C}\p{Z}]+/gu, ' ')
    .replace(/eyJ[\w-]{8,}(\.[\w-]*){0,2}/g, '[redacted]')
    .trim();
  return printable.length <= MESSAGE_LIMIT
    ? printable
    : `${printable.slice(0, MESSAGE_LIMIT - 1)}…`;
}
