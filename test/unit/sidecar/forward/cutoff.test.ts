import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { Cutoff } from '../../../../sidecar/forward/cutoff.ts';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { failsUndispatched, startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  options,
  readUntilError,
  rejection,
  startRawUpstream,
  startTCPUpstream,
} from './upstreams.ts';

const { closing, start } = startsUpstreams();

describe('a cutoff', () => {
  function aCutoff(deadline = 500) {
    const clock = new FakeClock();
    const gone = new AbortController();
    const cutoff = new Cutoff(clock, clock.monotonic() + deadline, gone.signal);
    const heard: string[] = [];
    return { clock, gone, cutoff, heard, listen: () => cutoff.listen((code) => heard.push(code)) };
  }

  it('tells its listener once, at the deadline', async () => {
    const { clock, cutoff, heard, listen } = aCutoff();
    listen();
    await clock.advance(499);
    expect([heard, cutoff.code]).toEqual([[], undefined]);
    await clock.advance(1);
    expect([heard, cutoff.code]).toEqual([['DeadlineExceeded'], 'DeadlineExceeded']);
    await clock.advance(1_000);
    expect(heard).toEqual(['DeadlineExceeded']);
  });

  it('tells its listener at once when the caller goes, and of the deadline no more', async () => {
    const { clock, gone, cutoff, heard, listen } = aCutoff();
    listen();
    gone.abort();
    expect([heard, cutoff.code]).toEqual([['CallAborted'], 'CallAborted']);
    await clock.advance(1_000);
    expect(heard).toEqual(['CallAborted']);
  });

  it.each<[string, number, boolean, string]>([
    ['the deadline has passed', 0, false, 'DeadlineExceeded'],
    ['the caller has gone', 500, true, 'CallAborted'],
    ['both', 0, true, 'DeadlineExceeded'],
  ])('tells who begins to listen where %s already', (_, deadline, isGone, code) => {
    const { gone, heard, listen } = aCutoff(deadline);
    if (isGone) gone.abort();
    listen();
    expect(heard).toEqual([code]);
  });

  it('has one listener at a time: the last', async () => {
    const { clock, cutoff, heard, listen } = aCutoff();
    cutoff.listen(() => heard.push('the first'));
    listen();
    await clock.advance(500);
    expect(heard).toEqual(['DeadlineExceeded']);
  });

  it('tells nobody, and leaves no timer, once it was disposed of', async () => {
    const { clock, gone, cutoff, heard, listen } = aCutoff();
    listen();
    cutoff.dispose();
    expect(clock.pending).toBe(0);
    gone.abort();
    await clock.advance(1_000);
    expect(heard).toEqual([]);
  });

  it('keeps a deadline that no timer can be set for', async () => {
    const { clock, cutoff, heard, listen } = aCutoff(2 ** 40);
    listen();
    await clock.advance(5_000);
    expect([heard, cutoff.code, clock.pending]).toEqual([[], undefined, 1]);
  });

  it('comes by the wall clock where the monotonic one stood still: a machine that slept, a paused one', async () => {
    const { clock, cutoff, heard, listen } = aCutoff(30_000);
    listen();
    await clock.advance(500);
    clock.wallOffset += 29_499;
    expect(cutoff.code).toBeUndefined();
    clock.wallOffset += 1;
    // Whoever is about to write asks; whoever is silent hears within a second.
    expect([heard, cutoff.code]).toEqual([[], 'DeadlineExceeded']);
    await clock.advance(1_000);
    expect(heard).toEqual(['DeadlineExceeded']);
  });

  it('counts the sleep before it was made, too', () => {
    const clock = new FakeClock();
    const asked = { monotonic: clock.monotonic(), wall: clock.now() };
    clock.wallOffset += 30_000;
    const { signal } = new AbortController();
    expect(new Cutoff(clock, asked.monotonic + 30_000, signal, asked.wall + 30_000).code).toBe(
      'DeadlineExceeded',
    );
  });

  it('is not put off by a wall clock that is set back', async () => {
    const { clock, heard, listen } = aCutoff();
    listen();
    clock.wallOffset -= 3_600_000;
    await clock.advance(500);
    expect(heard).toEqual(['DeadlineExceeded']);
  });
});

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('cuts an event stream at the deadline and closes its connection', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
    });
    const deadline = systemClock.monotonic() + 300;
    const { body } = await forwarder.forward(credentialed(), options({ deadline }));
    const { text, error } = await readUntilError(body);
    expect(text).toBe('data: 1\n\n');
    expect(error).toMatchObject({ code: 'DeadlineExceeded', dispatched: true });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('cuts an upload at the deadline: nothing more is written', async () => {
    let received = 0;
    const { upstream, forwarder } = await start(protocol, (req) => {
      req.on('error', () => {});
      req.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
    });
    const upload = new PassThrough();
    upload.write('first');
    const deadline = systemClock.monotonic() + 300;
    const error = await rejection(
      forwarder.forward(credentialed({ method: 'POST', body: upload }), options({ deadline })),
    );
    expect(error).toMatchObject({ code: 'DeadlineExceeded', dispatched: true });
    upload.write('second');
    await eventually(() => expect(upstream.open).toBe(0));
    expect(received).toBe('first'.length);
    expect(upload.destroyed).toBe(false);
  });
});

describe('before the first byte of a request', () => {
  it('a deadline within resolving, or within the handshake, fails', async () => {
    const resolver = createResolver({ lookup: () => new Promise(() => {}) });
    const deadline = () => systemClock.monotonic() + 100;
    const resolving = closing(await forwarderTo(1, { resolver }));
    await failsUndispatched(resolving, 'DeadlineExceeded', { deadline: deadline() });
    const upstream = closing(await startTCPUpstream(() => {}));
    const connecting = closing(await forwarderTo(upstream.port));
    await failsUndispatched(connecting, 'DeadlineExceeded', { deadline: deadline() });
    await failsUndispatched(connecting, 'DeadlineExceeded', { deadline: deadline() }, aRequest());
    await eventually(() => expect(upstream.open).toBeLessThanOrEqual(1));
  });

  it('a deadline that passed while the timer could not run fails: nothing is written past it', async () => {
    let received = 0;
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.on('data', (data) => {
          received += data.length;
        });
      }),
    );
    // Every look at the clock is later than the one before; no timer ever fires.
    let now = 0;
    const clock = {
      now: () => 0,
      monotonic() {
        now += 10;
        return now;
      },
      after: () => ({ cancel() {} }),
    };
    const forwarder = closing(await forwarderTo(upstream.port, { clock }));
    await failsUndispatched(forwarder, 'DeadlineExceeded', { deadline: 25 });
    await sleep(20);
    expect(received).toBe(0);
  });

  it('a caller that has gone already fails', async () => {
    const { upstream, forwarder } = await start('h1', (_req, res) => void res.end());
    await failsUndispatched(forwarder, 'CallAborted', { signal: AbortSignal.abort() });
    await eventually(() => expect(upstream.open).toBe(0));
  });
});
