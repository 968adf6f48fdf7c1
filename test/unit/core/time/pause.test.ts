import { expect, test } from 'vitest';
import { pause } from '../../../../core/time/pause.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const startPause = (clock: FakeClock, signal?: AbortSignal) => {
  const state = { over: false };
  void pause(clock, 100, signal).then(() => {
    state.over = true;
  });
  return state;
};

test('a pause is over when its time is', async () => {
  const clock = new FakeClock();
  const state = startPause(clock);
  await clock.advance(99);
  expect(state.over).toBe(false);
  await clock.advance(1);
  expect(state.over).toBe(true);
});

test('a signal ends the pause at once and leaves no timer', async () => {
  const clock = new FakeClock();
  const stopping = new AbortController();
  const state = startPause(clock, stopping.signal);
  await clock.advance(1);
  stopping.abort();
  await clock.advance(0);
  expect(state.over).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a signal that fired before leaves no pause', async () => {
  const clock = new FakeClock();
  const state = startPause(clock, AbortSignal.abort());
  await clock.advance(0);
  expect(state.over).toBe(true);
  expect(clock.pending).toBe(0);
});
