/** What the tests of the exchange ask of the stub of an API server. */

import type { ServerResponse } from 'node:http';
import { indexGrants } from '../../../../controller/grants/cache.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import { ObjectStore } from '../../../../core/kubernetes/store.ts';
import { eventually } from '../../../support/eventually.ts';
import { answer, type StubApiServer, type StubRequest } from '../../../support/stub-api-server.ts';

/** An empty cache that has been synchronized. */
export function aGrantCache(): ObjectStore<ActionGrant> {
  const cache = new ObjectStore<ActionGrant>();
  cache.beginList();
  cache.replaceAll([], '1');
  indexGrants(cache);
  return cache;
}

interface HeldRequest {
  request: StubRequest;
  answer(code: number, body: unknown): void;
  response: ServerResponse;
}

/** Requests that wait to be answered by the test. */
export class Held {
  readonly #requests: HeldRequest[] = [];

  constructor(stub: StubApiServer) {
    stub.handler = (request, response) => {
      this.#requests.push({
        request,
        response,
        answer: (code, body) => answer(response, code, body),
      });
    };
  }

  get waiting(): number {
    return this.#requests.length;
  }

  /** The next request, once it is there. */
  next(): Promise<HeldRequest> {
    return eventually(() => {
      const held = this.#requests.shift();
      if (held === undefined) throw new Error('no request came');
      return held;
    });
  }
}

/** A compact JWT with these claims, which nobody verifies. */
export function anUnsignedToken(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`;
}
