import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
/** An answer that a test's set-up didn't expect. */
export class ApiError extends Error {
    status;
    body;
    constructor(call, response) {
        super(`${call} answered ${response.status}: ${JSON.stringify(response.body)}`);
        this.status = response.status;
        this.body = response.body;
    }
}
/**
 * A plain HTTPS client for the API server. Deliberately not the product's client: a test that
 * used the code under test to look at the result would share its mistakes.
 */
export class ApiClient {
    #server;
    #token;
    #agent;
    constructor(kubeconfigPath) {
        const config = JSON.parse(readFileSync(kubeconfigPath, 'utf8'));
        const { cluster } = config.clusters[0];
        const { user } = config.users[0];
        this.#server = cluster.server;
        this.#token = user.token;
        const certificate = user['client-certificate-data'];
        const key = user['client-key-data'];
        this.#agent = new Agent({
            connect: {
                ca: decode(cluster['certificate-authority-data']),
                ...(certificate && key && { cert: decode(certificate), key: decode(key) }),
            },
        });
    }
    /** One request, whatever the answer's status. */
    async request(method, path, body, options = {}) {
        const response = await request(`${this.#server}${path}`, {
            method,
            dispatcher: this.#agent,
            headers: {
                accept: 'application/json',
                ...(this.#token && { authorization: `Bearer ${this.#token}` }),
                ...(body !== undefined && { 'content-type': options.contentType ?? 'application/json' }),
                ...options.headers,
            },
            ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await response.body.text();
        const isJson = `${response.headers['content-type']}`.startsWith('application/json');
        const parsed = isJson ? JSON.parse(text) : text;
        return { status: response.statusCode, headers: response.headers, body: parsed };
    }
    close() {
        return this.#agent.destroy();
    }
}
function decode(base64) {
    return Buffer.from(base64, 'base64').toString('utf8');
}
