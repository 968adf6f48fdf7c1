import { expect, it } from 'vitest';
import { createManifestAllowance } from '../../../sidecar/manifest-allowance.ts';
import { FakeClock } from '../../support/fake-clock.ts';

it('a manifest goes into the log as it is, and none where there is none', () => {
  const allowance = createManifestAllowance(new FakeClock());
  expect(allowance.take('kind: x\n')).toEqual({ manifest: 'kind: x\n' });
  expect(allowance.take(undefined)).toEqual({});
});

it('one that is longer than a line of a log is left out, and the line says so', () => {
  const allowance = createManifestAllowance(new FakeClock());
  expect(allowance.take('x'.repeat(12 * 1024))).toHaveProperty('manifest');
  expect(allowance.take('x'.repeat(12 * 1024 + 1))).toEqual({
    manifestLeftOut: 'it is longer than a line of a log; the answer to the agent has it',
  });
});

it('a flood of them is left out, and they come back with time', async () => {
  const clock = new FakeClock();
  const allowance = createManifestAllowance(clock);
  const logged = () => Array.from({ length: 1_000 }, () => allowance.take('x'.repeat(10_240)));
  expect(logged().filter(({ manifest }) => manifest !== undefined)).toHaveLength(25);
  await clock.advance(10_000);
  expect(logged().filter(({ manifest }) => manifest !== undefined)).toHaveLength(4);
  await clock.advance(3_600_000);
  expect(logged().filter(({ manifest }) => manifest !== undefined)).toHaveLength(25);
});
