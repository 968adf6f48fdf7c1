/** The webhooks over a real socket, with an API server that cannot be reached. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAdmissionRouter } from '../../../../controller/admission/router.ts';
import { countAwaitingDecision } from '../../../../controller/grants/cache.ts';
import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../../../core/kubernetes/create-client.ts';
import { systemClock } from '../../../../core/time/clock.ts';
import { createLogger } from '../../../../process/log.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

let server: Server;
let client: KubernetesClient;
let url: string;
const lines: string[] = [];

beforeAll(async () => {
  client = await createKubernetesClient({
    server: {
      type: 'Kubeconfig',
      path: join(import.meta.dirname, 'fixtures/nowhere.kubeconfig.json'),
    },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 1_000,
    clock: systemClock,
  });
  const log = createLogger({
    level: 'debug',
    fields: {},
    write: (line) => lines.push(line),
    now: () => 0,
  });
  const settings = {
    controllerUsername: 'controller',
    apiServerHosts: [],
    apiServerAudiences: [],
    maxPendingPerAgent: 20,
  };
  const grants = aGrantCache();
  const app = express();
  app.use(
    '/admission',
    createAdmissionRouter({
      client,
      settings,
      countAwaitingDecision: (agent) => countAwaitingDecision(grants, agent),
      timeoutMilliseconds: 500,
      clock: systemClock,
      log,
    }),
  );
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/admission`;
});
afterAll(async () => {
  server.close();
  await client.close();
});

const recorded = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', `${name}.json`), 'utf8');

async function post(path: string, body: string, type = 'application/json') {
  const answer = await fetch(`${url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    body: JSON.parse(await answer.text()),
  };
}

describe('validate-grant', () => {
  test('admits a grant that needs no question asked', async () => {
    const { status, body } = await post(
      'validate-grant',
      recorded('validate-grant-service-account'),
    );
    expect(status).toBe(200);
    expect(body.response).toEqual({ uid: 'f6208f1c-2c74-419c-9089-b272d880900f', allowed: true });
  });

  test('refuses what it cannot find out, and says that trying again may help', async () => {
    // This one is approved by its requester.
    const { status, body } = await post('validate-grant', recorded('validate-grant-user'));
    expect(status).toBe(200);
    expect(body.response).toMatchObject({
      allowed: false,
      status: {
        code: 503,
        reason: 'ServiceUnavailable',
        message: expect.stringContaining('Try again'),
      },
    });
  });

  test('does not answer for another resource', async () => {
    const review = JSON.parse(recorded('validate-grant-user'));
    review.request.resource = { group: '', version: 'v1', resource: 'pods' };
    const { status, body } = await post('validate-grant', JSON.stringify(review));
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'RequestMalformed' });
  });
});

describe('a webhook', () => {
  test.for<[what: string, body: string, type: string, status: number, code: string]>([
    ['text that is no JSON', '{', 'application/json', 400, 'RequestMalformed'],
    ['another content type', '{}', 'text/plain', 400, 'RequestMalformed'],
    ['an empty object', '{}', 'application/json', 400, 'RequestMalformed'],
    [
      'more than 3 MiB',
      `"${'x'.repeat(3 * 1024 * 1024)}"`,
      'application/json',
      413,
      'BodyTooLarge',
    ],
  ])('does not answer %s with a review', async ([, body, type, status, code]) => {
    for (const path of ['stamp-requester', 'validate-grant']) {
      const answer = await post(path, body, type);
      expect({ ...answer, body: answer.body.code }).toEqual({
        status,
        type: 'application/problem+json',
        body: code,
      });
    }
  });

  test('is not served without what it needs', async () => {
    const answer = await fetch(`${url}/inject-pod`, { method: 'POST' });
    expect(answer.status).toBe(404);
  });

  test('never logs what was reviewed', async () => {
    await post('validate-grant', recorded('validate-grant-user'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('')).not.toContain('beaconing');
  });
});
