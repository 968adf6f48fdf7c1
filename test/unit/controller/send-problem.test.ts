import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, expect, it } from 'vitest';
import { sendProblem } from '../../../controller/send-problem.ts';
import { ProblemError } from '../../../core/api/problem.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

/** Sends a problem, after so much of another answer. */
async function answered(problem: ProblemError, begun?: string): Promise<Response> {
  const app = express();
  app.use((_request, response) => {
    if (begun !== undefined) response.write(begun);
    sendProblem(response, problem);
  });
  server = createServer(app);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

it('a problem is a document of its media type, which nobody keeps', async () => {
  const response = await answered(new ProblemError('GrantRequired', 'No grant.'));
  expect(response.status).toBe(403);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('connection')).toBe('keep-alive');
  expect(await response.json()).toMatchObject({ code: 'GrantRequired', detail: 'No grant.' });
});

it('a body that was not read to its end takes the connection with it', async () => {
  const response = await answered(new ProblemError('BodyTooLarge', 'Too large.'));
  expect(response.headers.get('connection')).toBe('close');
});

it('an answer that has begun is cut, so that nobody takes it for whole', async () => {
  const text = answered(new ProblemError('Internal', 'No.'), 'half an answ').then((r) => r.text());
  await expect(text).rejects.toThrow();
});
