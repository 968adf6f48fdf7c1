/**
 * Clients of the Model Context Protocol show the message of a JSON-RPC error, also of one without an ID beside an error's status
 * (MCP 2025-06-18, Streamable HTTP).
 */

import { refusalDocument } from './json.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

/** JSON-RPC 2.0, 5.1: of those that servers may define. */
const REFUSED = -32_003;

export const mcp: RefusalProtocol = {
  // Its headers, and of its clients that send none yet, the two media types that each of them must accept.
  spokenBy: (caller) =>
    caller.hasHeaderLike('mcp-') ||
    (caller.method === 'POST' &&
      caller.accepts('application/json') &&
      caller.accepts('text/event-stream')),
  hasManifest: true,
  render(refused) {
    const { error, ...document } = refusalDocument(refused);
    const { message, code } = error;
    return {
      contentType: 'application/json',
      text: JSON.stringify({
        ...document,
        jsonrpc: '2.0',
        id: null,
        error: { code: REFUSED, message, data: { code, detail: refused.problem.detail } },
      }),
    };
  },
};
