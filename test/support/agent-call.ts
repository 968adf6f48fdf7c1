import { readFileSync } from 'node:fs';
import { ProxyAgent, request } from 'undici';

export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
  /** `code` of a refusal. */
  readonly code: string | undefined;
}

/** More than a sidecar waits for an authorization and a service, unless a test says how long it does. */
const ANSWER_MILLISECONDS = 25_000;

/** One call of an agent, as any HTTP client makes it that is told of a proxy and a CA. */
export async function callThrough(
  sidecar: { readonly proxyURL: string; readonly caFile: string },
  method: string,
  url: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
  answerMilliseconds = ANSWER_MILLISECONDS,
): Promise<AgentAnswer> {
  const dispatcher = new ProxyAgent({
    uri: sidecar.proxyURL,
    requestTls: { ca: readFileSync(sidecar.caFile, 'utf8') },
  });
  try {
    const response = await request(url, {
      method: method as 'GET',
      dispatcher,
      // A call that hangs should fail by itself, before its test is cut off.
      headersTimeout: answerMilliseconds,
      bodyTimeout: answerMilliseconds,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, text, code: codeOf(text) };
  } finally {
    await dispatcher.destroy();
  }
}

/** `code` of a refusal; undefined if the text is something else. */
export function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code;
  } catch {
    return undefined;
  }
}
