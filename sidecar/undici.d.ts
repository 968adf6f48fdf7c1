/**
 * Undici's dispatchers by their own files: its index also loads fetch, caches and WebSocket, which costs the sidecar
 * 13 MB of memory in every agent pod.
 */

declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici';
}

declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}

declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
