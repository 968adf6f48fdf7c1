/** A replica of the controller over a stub of the API server that keeps grants and their Secrets, as etcd would. */

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import { createApiAudiences } from '../../../controller/credentials/api-audiences.ts';
import { createControllerMetrics } from '../../../controller/record/metrics.ts';
import { createGrantRecorder } from '../../../controller/record/recorder.ts';
import type { ActionGrant, ActionGrantStatus } from '../../../core/api/generated/actiongrant.ts';
import { createLogger } from '../../../process/log.ts';
import { Registry } from '../../../process/metrics.ts';
import { aBoundCredential } from '../../support/builders.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  answer,
  StubApiServer,
  type StubHandler,
  type StubRequest,
  status,
} from '../../support/stub-api-server.ts';
import { aGrantCache, anUnsignedToken } from './exchange/grants-api.ts';

const GRANT = /\/actiongrants\/([\w-]+)(\/status)?$/;
const SECRET = /\/secrets\/([\w-]+)$/;
const ACCOUNT = /\/serviceaccounts\/([\w-]+)$/;

type Answer = [code: number, body: unknown];
const NOT_FOUND: Answer = [404, status(404, 'NotFound')];
const DELETED: Answer = [200, { kind: 'Status', status: 'Success' }];

export class GrantServer implements AsyncDisposable {
  readonly stub: StubApiServer;
  readonly clock = new FakeClock();
  readonly cache = aGrantCache();
  readonly registry = new Registry();
  readonly metrics = createControllerMetrics(this.registry);
  /** Messages of the log, and what they are about. */
  readonly log: { message: string; [field: string]: unknown }[] = [];
  /** Reasons of Events. */
  readonly events: string[] = [];
  /** What exists, by name: the UID. */
  readonly secrets = new Map<string, string>();
  readonly accounts = new Map<string, string>();
  /** Answers instead, or does something first and returns false. */
  intercept: (request: StubRequest, response: ServerResponse) => boolean = () => false;
  readonly #grants = new Map<string, ActionGrant>();
  #version = 100;

  private constructor(stub: StubApiServer) {
    this.stub = stub;
    stub.handler = (request, response) => {
      if (!this.intercept(request, response)) this.handle(request, response);
    };
  }

  static async start(): Promise<GrantServer> {
    return new GrantServer(await StubApiServer.start());
  }

  /** Puts a grant where both the API server and the cache have it, with the Secret that its status names. */
  put(grant: ActionGrant, { cached = true } = {}): ActionGrant {
    const kept = this.#keep(grant);
    const { credential } = grant.status ?? {};
    if (credential !== undefined) this.secrets.set(credential.secretName, credential.secretUID);
    const account = grant.spec.credential?.serviceAccountToken?.serviceAccountName;
    if (account !== undefined) this.accounts.set(account, aBoundCredential().serviceAccountUID);
    if (cached) this.cache.observe(kept);
    return kept;
  }

  /** Somebody else writes a status; the cache has not heard of it. */
  writeElsewhere(name: string, next: ActionGrantStatus): void {
    this.#keep({ ...this.grant(name), status: next });
  }

  grant(name: string): ActionGrant {
    const grant = this.#grants.get(name);
    if (grant === undefined) throw new Error(`there is no grant ${name}`);
    return grant;
  }

  has(name: string): boolean {
    return this.#grants.has(name);
  }

  statusOf(name: string): ActionGrantStatus {
    const { status: kept } = this.grant(name);
    if (kept === undefined) throw new Error(`the grant ${name} has no status`);
    return kept;
  }

  /** Requests so far, as `PUT status` or `DELETE secret`. */
  get requests(): string[] {
    return this.stub.requests.map(({ method, path }) => `${method} ${kindOf(path)}`);
  }

  /** What the parts of a replica work with. */
  async dependencies() {
    const { cache, clock, metrics } = this;
    const now = () => clock.now();
    const recorder = createGrantRecorder({
      log: createLogger({
        level: 'info',
        fields: {},
        write: (line) => void this.log.push(JSON.parse(line)),
        now,
      }),
      events: { record: ({ reason }) => void this.events.push(reason), async flush() {} },
      metrics,
      now,
    });
    const client = await this.stub.client();
    const apiServerAudiences = createApiAudiences({
      client,
      clock,
      configured: [],
      ownToken: async () => undefined,
    });
    let suffixes = 0;
    const randomSuffix = () => `again${suffixes++}`;
    return { client, cache, clock, metrics, recorder, randomSuffix, apiServerAudiences };
  }

  readonly handle: StubHandler = (request, response) => {
    answer(response, ...this.#answerTo(request));
  };

  #answerTo(request: StubRequest): Answer {
    const { method, path } = request;
    const [, name = '', subresource] = GRANT.exec(path) ?? [];
    if (path.endsWith('/actiongrants')) return this.#list(request);
    if (name !== '' && subresource !== undefined) return this.#putStatus(name, request);
    if (name !== '' && method === 'DELETE') {
      return this.#grants.delete(name) ? DELETED : NOT_FOUND;
    }
    if (name !== '') return found(this.#grants.get(name));
    if (path.endsWith('/tokenreviews')) return [201, { status: reviewOf(request) }];
    if (path.endsWith('/token')) return this.#issue(request);
    if (path.endsWith('/secrets')) return this.#createSecret(request);
    if (SECRET.test(path)) return this.#deleteSecret(request);
    const account = ACCOUNT.exec(path)?.[1] ?? '';
    const uid = this.accounts.get(account);
    return found(uid && { metadata: { namespace: 'soc', name: account, uid } });
  }

  #keep(grant: ActionGrant): ActionGrant {
    const resourceVersion = String(++this.#version);
    const kept = { ...grant, metadata: { ...grant.metadata, resourceVersion } };
    this.#grants.set(grant.metadata.name, kept);
    return kept;
  }

  #list({ query }: StubRequest): Answer {
    const phase = /status\.phase=(\w+)/.exec(query.get('fieldSelector') ?? '')?.[1];
    const items = [...this.#grants.values()].filter((grant) => grant.status?.phase === phase);
    return [200, { metadata: { resourceVersion: String(this.#version) }, items }];
  }

  #putStatus(name: string, { body }: StubRequest): Answer {
    const grant = this.#grants.get(name);
    const written: ActionGrant = JSON.parse(body);
    if (grant === undefined) return NOT_FOUND;
    const { uid, resourceVersion } = grant.metadata;
    if (written.metadata.uid !== uid || written.metadata.resourceVersion !== resourceVersion) {
      return [409, status(409, 'Conflict')];
    }
    const next = written.status === undefined ? grant : { ...grant, status: written.status };
    return [200, this.#keep(next)];
  }

  #issue({ body, path }: StubRequest): Answer {
    const { boundObjectRef, audiences } = JSON.parse(body).spec;
    if (this.secrets.get(boundObjectRef.name) !== boundObjectRef.uid) {
      return [404, status(404, 'NotFound', 'the Secret is gone')];
    }
    const account = /\/serviceaccounts\/([\w-]+)\//.exec(path)?.[1] ?? '';
    const uid = this.accounts.get(account);
    const token = anUnsignedToken({
      jti: randomUUID(),
      aud: audiences,
      'kubernetes.io': { serviceaccount: { name: account, uid } },
    });
    return [201, { status: { token, expirationTimestamp: '2026-01-02T12:10:00Z' } }];
  }

  #createSecret({ body }: StubRequest): Answer {
    const { metadata } = JSON.parse(body);
    if (this.secrets.has(metadata.name)) return [409, status(409, 'AlreadyExists')];
    const uid = randomUUID();
    this.secrets.set(metadata.name, uid);
    return [201, { metadata: { ...metadata, uid, resourceVersion: '1' } }];
  }

  #deleteSecret({ body, path }: StubRequest): Answer {
    const name = SECRET.exec(path)?.[1] ?? '';
    const uid = this.secrets.get(name);
    const wanted = JSON.parse(body).preconditions.uid;
    if (uid === undefined) return NOT_FOUND;
    if (uid !== wanted) {
      const message = `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid}`;
      return [409, status(409, 'Conflict', message)];
    }
    this.secrets.delete(name);
    return DELETED;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stub[Symbol.asyncDispose]();
  }
}

function found(object: unknown): Answer {
  return object ? [200, object] : NOT_FOUND;
}

/** The API server's audience, in the words of its refusal of a token for another one. */
export const API_AUDIENCE = 'https://container.googleapis.com/v1/projects/p/locations/l/clusters/c';

/** As the API server answers for a token that it has issued, and whose Secret is there. */
function reviewOf({ body }: StubRequest): object {
  const { token } = JSON.parse(body).spec;
  const { aud = [] } = decodeJwt<{ aud?: string[] }>(token);
  if (aud.includes(API_AUDIENCE)) return { authenticated: true, audiences: [API_AUDIENCE] };
  return {
    error: `[invalid bearer token, token audiences ${JSON.stringify(aud)} is invalid for the target audiences ["${API_AUDIENCE}"]]`,
  };
}

function kindOf(path: string): string {
  if (path.endsWith('/status')) return 'status';
  if (path.endsWith('/token')) return 'token';
  if (path.endsWith('/tokenreviews')) return 'tokenreview';
  return /\/(actiongrant|secret|serviceaccount)s/.exec(path)?.[1] ?? path;
}
