import { describe, expect, it } from 'vitest';
import { checkMCP } from '../../../../sidecar/describe/mcp-initialize.ts';

const initialize = (params: unknown = { protocolVersion: '2025-06-18', capabilities: {} }) => ({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params,
});
const check = (value: unknown, method = 'POST') =>
  checkMCP(method, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));

describe('an initialize of MCP', () => {
  it.each([
    ['', initialize()],
    ['of the first revision', initialize({ protocolVersion: '2024-11-05', clientInfo: {} })],
    ['in a batch', [initialize()]],
    ['with white space', JSON.stringify(initialize(), null, 2)],
  ])('%s is refused with the reason', (_, body) => {
    expect(() => check(body)).toThrow(
      expect.objectContaining({
        code: 'MCPNotSupported',
        detail: expect.stringContaining('no grant was used up. Call the HTTP API behind'),
      }),
    );
  });

  it.each([
    ['another method', { ...initialize(), method: 'tools/call' }],
    ['the initialize of another protocol (LSP)', initialize({ processId: 1, rootUri: null })],
    ['another version of JSON-RPC', { ...initialize(), jsonrpc: '1.0' }],
    ['text that has its words', '"initialize" "protocolVersion"'],
    ['a message without parameters', { ...initialize(), params: null, x: '"protocolVersion"' }],
    ['a longer body', { ...initialize(), x: 'x'.repeat(65_536) }],
  ])('is not %s', (_, body) => {
    expect(() => check(body)).not.toThrow();
  });

  it('comes by POST', () => {
    expect(() => check(initialize(), 'PUT')).not.toThrow();
  });
});
