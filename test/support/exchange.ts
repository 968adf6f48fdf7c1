import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { HttpAction } from '../../core/action/http.ts';
import type { KubernetesAction } from '../../core/action/kubernetes.ts';
import type { ProblemCode, ProblemDocument } from '../../core/api/problem.ts';
import { canonicalJson, type JsonValue } from '../../core/text/json.ts';
import type { FinishRequest } from '../../core/wire/finish.ts';
import { USES_PATH } from '../../core/wire/paths.ts';
import type { UseAnswer, UseRequest } from '../../core/wire/use.ts';
import type { PodToken } from './kubelet.ts';
import type { Product } from './product.ts';

/** An answer of the exchange, whatever it is. */
export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Of a refusal. */
  readonly code: ProblemCode | undefined;
  /** Parsed; `{}` if it is not JSON. */
  readonly body: unknown;
}

export interface Sender {
  /** Value of the Authorization header; absent: none is sent. */
  readonly authorization?: string;
  /** Of one replica; absent: the balancer, as the Service would be. */
  readonly port?: number;
}

/** Where an exchange is: a whole product, or what stands in for one. */
export type ExchangeAddress = Pick<Product, 'exchangeCAFile'> & {
  readonly balancer: { readonly port: number };
};

/**
 * Speaks to the exchange as a sidecar does, and as one never would. Deliberately not the sidecar's own client: a test must
 * be able to repeat, forge and flood.
 */
export class Exchange {
  readonly #product: ExchangeAddress;
  readonly #agent: Agent;

  constructor(product: ExchangeAddress, connections = 64) {
    this.#product = product;
    const ca = readFileSync(product.exchangeCAFile, 'utf8');
    this.#agent = new Agent({ connections, pipelining: 1, connect: { ca } });
  }

  /** `body` is sent as it is if it is a string or bytes. */
  async send(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    { authorization, port = this.#product.balancer.port }: Sender,
  ): Promise<ExchangeAnswer> {
    const response = await request(`https://127.0.0.1:${port}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        'content-type': 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    });
    const text = await response.body.text();
    const parsed = parse(text);
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      code: (parsed as Partial<ProblemDocument>).code,
      body: parsed,
    };
  }

  use(pod: PodToken, message: UseRequest, port?: number): Promise<ExchangeAnswer> {
    return this.send('POST', USES_PATH, message, senderOf(pod, port));
  }

  /** A use that must be granted. @throws Error with the refusal */
  async mustUse(pod: PodToken, action: UseRequest['action'], port?: number): Promise<UseAnswer> {
    const answer = await this.use(pod, aUseRequest({ action }), port);
    if (answer.status !== 201) throw new Error(`the use was refused: ${answer.text}`);
    return answer.body as UseAnswer;
  }

  finish(
    pod: PodToken,
    nonce: string,
    report: FinishRequest,
    port?: number,
  ): Promise<ExchangeAnswer> {
    return this.send('POST', `${USES_PATH}/${nonce}/finish`, report, senderOf(pod, port));
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** A use request with a nonce of its own. */
export function aUseRequest(overrides: Partial<UseRequest> = {}): UseRequest {
  return {
    nonce: randomUUID(),
    action: anHttpCall(),
    waitMilliseconds: 10_000,
    ...overrides,
  };
}

/** What a sidecar says of the call that `anHttpAction()` grants. */
export function anHttpCall(overrides: Partial<HttpAction> = {}): HttpAction {
  return {
    type: 'HTTP',
    method: 'POST',
    url: 'https://edr.example.com/v1/hosts/host-7/quarantine',
    headers: {},
    body: aJsonBody({ reason: 'beaconing' }),
    ...overrides,
  };
}

/** What a sidecar says of the call that `aKubernetesAction()` grants. */
export function aKubernetesCall(overrides: Partial<KubernetesAction> = {}): KubernetesAction {
  return {
    type: 'Kubernetes',
    verb: 'delete',
    apiGroup: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: 'checkout-0',
    queryParameters: {},
    body: { kind: 'none' },
    ...overrides,
  };
}

/** The body of a call that sent this value as JSON, in a spelling of its own. */
export function aJsonBody(value: JsonValue): HttpAction['body'] {
  return {
    kind: 'bytes',
    sha256: sha256(JSON.stringify(value, null, 1)),
    jsonSha256: sha256(canonicalJson(value)),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function senderOf(pod: PodToken, port: number | undefined): Sender {
  return { authorization: `Bearer ${pod.token}`, ...(port === undefined ? {} : { port }) };
}

function isRaw(body: unknown): body is string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
