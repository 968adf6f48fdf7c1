/** The caller of a refused call, as far as it tells how it wants to be answered. Nothing is judged by it. */

import type { ReadHead } from '../describe/read-head.ts';

export class Caller {
  readonly #read: ReadHead;
  readonly #apiServer: readonly string[];

  /** @param apiServer `host:port`, lower case, under which the API server is reached */
  constructor(read: ReadHead, apiServer: readonly string[]) {
    this.#read = read;
    this.#apiServer = apiServer;
  }

  get method(): string {
    return this.#read.head.method;
  }

  /** Path and query, or the whole URL, as it came. */
  get target(): string {
    return this.#read.head.target;
  }

  /** The first value of a header, or the empty string. @param name in lower case */
  header(name: string): string {
    const { rawHeaders } = this.#read.head;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      if (rawHeaders[i]?.toLowerCase() === name) return rawHeaders[i + 1] ?? '';
    }
    return '';
  }

  hasHeaderLike(prefix: string): boolean {
    return this.#read.head.rawHeaders.some(
      (text, index) => index % 2 === 0 && text.toLowerCase().startsWith(prefix),
    );
  }

  /** The first product of the User-Agent (RFC 9110 10.1.5). */
  get product(): string {
    return this.header('user-agent').split('/')[0] ?? '';
  }

  /** Whether the Accept header names this media type itself. @param mediaType in lower case */
  accepts(mediaType: string): boolean {
    return this.header('accept')
      .toLowerCase()
      .split(',')
      .some((range) => range.split(';')[0]?.trim() === mediaType);
  }

  /** `type/subtype` of the body, lower case. */
  get contentType(): string {
    return this.header('content-type').split(';')[0]?.trim().toLowerCase() ?? '';
  }

  /** The host that the call meant, lower case. */
  get host(): string {
    const { head, hosts } = this.#read;
    const text = hosts?.[0] ?? head.connectAuthority ?? head.authority ?? this.header('host');
    return text.toLowerCase().replace(/:\d+$/, '');
  }

  /** Whether the call was for the API server of this cluster. */
  get callsAPIServer(): boolean {
    const { head, hosts } = this.#read;
    const { destination, connectAuthority } = head;
    if (destination === undefined || hosts === undefined) {
      const called = connectAuthority?.toLowerCase().replace(/\.(?=:)/, '');
      return called !== undefined && this.#apiServer.includes(called);
    }
    return hosts.some((host) => this.#apiServer.includes(`${host}:${destination.port}`));
  }
}
