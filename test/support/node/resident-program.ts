// What resident-agent.ts runs in a pod: an agent that was started once, and makes the calls that it is asked for.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

interface Call {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
}

const PORT = 8080;
const CALL_MILLISECONDS = 90_000;

createServer((incoming, response) => {
  void text(incoming)
    .then((body) => make(JSON.parse(body)))
    .then((answer) => response.end(JSON.stringify(answer)));
}).listen(PORT);

/** A last call, on its way out: `process.argv[1]`. */
process.once('SIGTERM', () => {
  const [, farewell] = process.argv;
  void (farewell === undefined ? Promise.resolve() : make(JSON.parse(farewell))).then(() =>
    process.exit(),
  );
});

async function make({ method, url, body }: Call): Promise<object> {
  try {
    const response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(CALL_MILLISECONDS),
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string } };
    return { failure: cause?.code ?? `${cause ?? name}` };
  }
}
