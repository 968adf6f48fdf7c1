import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { canonicalJson } from '../../api/json.js';
import { USES_PATH } from '../../api/wire.js';
/**
 * Speaks to the exchange as a sidecar does, and as one never would. Deliberately not the sidecar's own client: a test must
 * be able to repeat, forge and flood.
 */
export class Exchange {
    #product;
    #agent;
    constructor(product, connections = 64) {
        this.#product = product;
        const ca = readFileSync(product.exchangeCAFile, 'utf8');
        this.#agent = new Agent({ connections, pipelining: 1, connect: { ca } });
    }
    /** `body` is sent as it is if it is a string or bytes. */
    async send(method, path, body, { authorization, port = this.#product.balancer.port }) {
        const response = await request(`https://127.0.0.1:${port}${path}`, {
            method,
            dispatcher: this.#agent,
            headers: {
                'content-type': 'application/json',
                ...(authorization === undefined ? {} : { authorization }),
            },
            ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
        });
        const text = await response.body.text();
        const parsed = parse(text);
        return {
            status: response.statusCode,
            headers: response.headers,
            text,
            code: parsed.code,
            body: parsed,
        };
    }
    use(pod, message, port) {
        return this.send('POST', USES_PATH, message, senderOf(pod, port));
    }
    /** A use that must be granted. @throws Error with the refusal */
    async mustUse(pod, action, port) {
        const answer = await this.use(pod, aUseRequest({ action }), port);
        if (answer.status !== 201)
            throw new Error(`the use was refused: ${answer.text}`);
        return answer.body;
    }
    finish(pod, nonce, report, port) {
        return this.send('POST', `${USES_PATH}/${nonce}/finish`, report, senderOf(pod, port));
    }
    close() {
        return this.#agent.destroy();
    }
}
/** A use request with a nonce of its own. */
export function aUseRequest(overrides = {}) {
    return {
        nonce: randomUUID(),
        action: anHttpCall(),
        waitMilliseconds: 10_000,
        ...overrides,
    };
}
/** What a sidecar says of the call that `anHttpAction()` grants. */
export function anHttpCall(overrides = {}) {
    return {
        type: 'HTTP',
        method: 'POST',
        url: 'https://edr.example.com/v1/hosts/host-7/quarantine',
        headers: {},
        body: aJsonBody({ reason: 'beaconing' }),
        ...overrides,
    };
}
/** What a sidecar says of the call that `aKubernetesAction()` grants. */
export function aKubernetesCall(overrides = {}) {
    return {
        type: 'Kubernetes',
        verb: 'delete',
        apiGroup: '',
        version: 'v1',
        resource: 'pods',
        subresource: '',
        namespace: 'shop',
        name: 'checkout-0',
        queryParameters: {},
        body: { kind: 'none' },
        ...overrides,
    };
}
/** The body of a call that sent this value as JSON, in a spelling of its own. */
export function aJsonBody(value) {
    return {
        kind: 'bytes',
        sha256: sha256(JSON.stringify(value, null, 1)),
        jsonSha256: sha256(canonicalJson(value)),
    };
}
function sha256(text) {
    return createHash('sha256').update(text).digest('hex');
}
function senderOf(pod, port) {
    return { authorization: `Bearer ${pod.token}`, ...(port === undefined ? {} : { port }) };
}
function isRaw(body) {
    return typeof body === 'string' || Buffer.isBuffer(body);
}
function parse(text) {
    try {
        return JSON.parse(text) ?? {};
    }
    catch {
        return {};
    }
}
