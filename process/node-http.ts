/**
 * `node:http` without what it offers beside HTTP: an `import` of it reads all its exports, among them lazy ones (WebSocket,
 * MessageEvent) that load Node's copy of undici, 4 MB in every agent pod for nothing.
 */

export const http = process.getBuiltinModule('node:http');
