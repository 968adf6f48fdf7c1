/** Reviews over real sockets, as whoever reaches the port may send them. */

import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Response } from 'express';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAdmissionLimiter } from '../../../../controller/admission/limiter.ts';
import { sendProblem } from '../../../../controller/send-problem.ts';
import { asProblem } from '../../../../core/api/problem.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let server: Server;
let clock: FakeClock;
/** Reviews that were read and wait for their answer, in the order of their coming. */
let held: { size: number; response: Response }[];

beforeEach(async () => {
  held = [];
  clock = new FakeClock();
  const app = express();
  app.post(
    '/',
    createAdmissionLimiter(clock),
    express.text({ limit: '4mb' }),
    (incoming, response) => {
      held.push({ size: String(incoming.body).length, response });
    },
  );
  app.use((error: unknown, _req: unknown, response: Response, _next: unknown) =>
    sendProblem(response, asProblem(error)),
  );
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const port = () => (server.address() as AddressInfo).port;

/** What becomes of a review of so many bytes: a status, or nothing. */
function send(bytes: number, sent = bytes) {
  const outgoing = request({
    port: port(),
    method: 'POST',
    headers: { 'content-type': 'text/plain', 'content-length': bytes },
  });
  const status = new Promise<number | undefined>((resolve) => {
    outgoing.once('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.once('error', () => resolve(undefined));
  });
  outgoing.write('x'.repeat(sent));
  if (sent === bytes) outgoing.end();
  return { status, leave: () => outgoing.destroy() };
}

const sizes = () => held.map(({ size }) => size);
const untilHeld = (expected: number[]) => eventually(() => expect(sizes()).toEqual(expected));
const LARGE = 200_000;

it('reads large reviews one after the other, and small ones beside them', async () => {
  const first = send(LARGE);
  await untilHeld([LARGE]);
  const second = send(LARGE + 1);
  const small = send(10);
  await untilHeld([LARGE, 10]);
  held[0]?.response.end();
  await untilHeld([LARGE, 10, LARGE + 1]);
  held[1]?.response.end();
  held[2]?.response.end();
  expect(await Promise.all([first.status, small.status, second.status])).toEqual([200, 200, 200]);
});

it('skips a client that leaves while it waits, and serves the next one', async () => {
  send(LARGE);
  await untilHeld([LARGE]);
  const impatient = send(LARGE + 1);
  await eventually(() => expect(server.listening).toBe(true));
  const next = send(LARGE + 2);
  impatient.leave();
  await impatient.status;
  held[0]?.response.end();
  await untilHeld([LARGE, LARGE + 2]);
  held[1]?.response.end();
  expect(await next.status).toBe(200);
});

it('takes the permit back from a client that leaves in the middle', async () => {
  const reader = send(LARGE);
  await untilHeld([LARGE]);
  const next = send(LARGE + 1);
  reader.leave();
  await untilHeld([LARGE, LARGE + 1]);
  held[1]?.response.end();
  expect(await next.status).toBe(200);
});

it('gives up a client that does not send its whole review in 2 s, and serves the next one', async () => {
  const silent = send(LARGE, 10);
  await eventually(() => expect(clock.pending).toBe(1));
  const next = send(LARGE + 1);
  await eventually(() => expect(clock.pending).toBe(2));
  await clock.advance(2_000);
  expect(await silent.status).toBeUndefined();
  await untilHeld([LARGE + 1]);
  held[0]?.response.end();
  expect(await next.status).toBe(200);
});

it('tells a client that waited for 3 s to try again', async () => {
  send(LARGE);
  await untilHeld([LARGE]);
  const late = send(LARGE + 1);
  await eventually(() => expect(clock.pending).toBe(2));
  await clock.advance(3_000);
  expect(await late.status).toBe(429);
});
