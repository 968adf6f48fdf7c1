/**
 * `node:http` without its exports beside HTTP. An `import` reads all of them, and the lazy ones (WebSocket, MessageEvent) load
 * Node's copy of undici: 4 MB in every agent pod.
 */

export const http = process.getBuiltinModule('node:http');
