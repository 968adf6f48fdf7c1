/** HTTP to one API server as the client needs it: whole answers, streams, and an exact account of how far a failure got. */

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  path: string;
  body?: string;
  contentType?: string;
  timeoutMilliseconds: number;
  signal?: AbortSignal;
}

export interface TransportAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface TransportStream {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: AsyncIterable<Buffer>;
}

/** A request that got no complete answer. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** False: not one byte of the request was written. */
  readonly sent: boolean;
  readonly aborted: boolean;
  /** The answer was longer than is read. */
  readonly tooLarge: boolean;

  constructor(message: string, how: { sent: boolean; aborted?: boolean; tooLarge?: boolean }) {
    super(message);
    this.sent = how.sent;
    this.aborted = how.aborted ?? false;
    this.tooLarge = how.tooLarge ?? false;
  }
}

export interface Transport {
  /** @throws TransportError */
  request(request: TransportRequest): Promise<TransportAnswer>;
  /** The body as it comes, until `signal` fires. `timeoutMilliseconds` is for the head. @throws TransportError */
  stream(request: TransportRequest): Promise<TransportStream>;
  /** The server refused the credentials: they are read again before the next request. */
  distrustCredentials(): void;
  close(): Promise<void>;
}

/** The text of an error of the network. Undici's errors carry sockets, so no error is kept as a cause. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  // Several addresses were tried: the reason of the first stands for all.
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.message || error.name;
}
