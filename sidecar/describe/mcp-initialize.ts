/**
 * The first message of the Model Context Protocol, known by its body: clients send its headers only afterwards. A grant for it
 * would be used up for a session of which every further call is refused.
 */

import { ProblemError } from '../../core/api/problem.ts';

/** No such message is longer, and longer bodies are not parsed for this. */
const MAX_BYTES = 65_536;

/** @throws ProblemError MCPNotSupported if the body is an `initialize` (MCP 2024-11-05 and later, lifecycle) */
export function checkMCP(method: string, body: Uint8Array): void {
  if (method !== 'POST' || body.length > MAX_BYTES) return;
  const text = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (!text.includes('"initialize"') || !text.includes('"protocolVersion"')) return;
  if (!messages(text.toString('utf8')).some(isInitialize)) return;
  throw new ProblemError(
    'MCPNotSupported',
    'body: this is an initialize of the Model Context Protocol, which is not supported by this version; no grant was used up. Call the HTTP API behind the MCP server.',
    { field: 'body' },
  );
}

/** One message, or a batch of them (MCP 2025-03-26). */
function messages(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    // Then no server of MCP reads it either.
    return [];
  }
}

function isInitialize(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { jsonrpc, method, params } = message as Record<string, unknown>;
  return (
    jsonrpc === '2.0' &&
    method === 'initialize' &&
    typeof params === 'object' &&
    params !== null &&
    'protocolVersion' in params
  );
}
