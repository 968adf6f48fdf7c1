/** P3: an agent that does not take its answer does not keep the end of its use from the controller by that. */

import { once } from 'node:events';
import { connect as connectHTTP2 } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openTLS } from '../intercept/clients.ts';
import { type FormService, startForms } from './forms.ts';
import { RunningSidecar } from './running-sidecar.ts';

const HOST = 'edr.example.com';
const CREDENTIALS = [true, false];

let service: FormService;
let sidecar: RunningSidecar;
const open: { destroy(): void }[] = [];

beforeAll(async () => {
  service = await startForms('h1', HOST);
  sidecar = await RunningSidecar.start({ [`${HOST}:443`]: service.port });
  service.on('/short', { headers: [['content-length', '5']], body: ['hello'] });
  service.on('/chunked', { framing: 'chunked', body: ['hel', 'lo'], pauseMilliseconds: 20 });
});

afterEach(() => {
  for (const connection of open.splice(0)) connection.destroy();
});

afterAll(async () => {
  await sidecar.stop();
  await service.close();
});

/** An HTTP/2 client that gives the sidecar no window to send bodies in (RFC 9113 6.9.2). */
async function stalledClient(path: string): Promise<void> {
  const socket = await openTLS(sidecar, {
    tunnelTo: `${HOST}:443`,
    servername: HOST,
    ALPNProtocols: ['h2'],
  });
  const session = connectHTTP2(`https://${HOST}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: 0 },
  });
  session.on('error', () => {});
  open.push(session);
  const stream = session.request({ ':path': path, ':authority': HOST });
  stream.on('error', () => {});
  await once(stream, 'response');
}

describe('the end of a use is reported when the service has answered', () => {
  it.each(
    ['/short', '/chunked'].flatMap((path) =>
      CREDENTIALS.map((credential) => ({ path, credential })),
    ),
  )('to a client that takes nothing of $path (credential: $credential)', async (how) => {
    sidecar.lend(how.credential);
    const [finish] = await sidecar.finishesOf(1, () => stalledClient(how.path));
    expect(finish).toMatchObject({ outcome: 'Succeeded', responseCode: 200 });
  });
});
