/**
 * Undici's dispatchers by their own files: its index also loads fetch, caches and WebSocket, which costs the sidecar
 * 13 MB of memory in every agent pod.
 */

declare module 'undici/lib/core/symbols.js' {
  const symbols: {
    /** Where a socket of HTTP/1 has its parser. */
    readonly kParser: unique symbol;
  };
  export default symbols;
}

declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici';
}

declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}

declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';

  /** `Dispatcher.prototype.request`, which only the index puts there. */
  const request: (
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ) => Promise<Dispatcher.ResponseData>;
  export default request;
}
