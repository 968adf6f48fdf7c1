import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isWithin,
  SLOT_NAME,
  slotNames,
  slotPrefix,
  windowAt,
} from '../../../../core/policy/budget.ts';
import { NOON, noonPlus } from '../../../support/builders.ts';

const OWNER = { policy: 'coding-agents', rule: 'read', agentNamespace: 'dev' };
const HOURLY = { uses: 3, periodSeconds: 3600 };
const noon = Date.parse(NOON);

describe('a window', () => {
  it.each([
    [0, 0],
    [3599, 0],
    [3600, 3600],
    [-1, -3600],
  ])('of an hour at noon and %i seconds begins at noon and %i', (at, start) => {
    expect(windowAt(noon + at * 1000, HOURLY)).toEqual({
      start: noon + start * 1000,
      end: noon + (start + 3600) * 1000,
    });
  });

  it('has every moment in exactly one', () => {
    const moment = fc.integer({ min: 0, max: 4e12 });
    const periodSeconds = fc.integer({ min: 60, max: 2_592_000 });
    fc.assert(
      fc.property(moment, periodSeconds, (now, period) => {
        const { start, end } = windowAt(now, { periodSeconds: period });
        expect(start <= now && now < end && end - start === period * 1000).toBe(true);
        expect(windowAt(end, { periodSeconds: period }).start).toBe(end);
      }),
    );
  });

  it.each([
    [noonPlus(0), true],
    [noonPlus(3599), true],
    [noonPlus(3600), false],
    [noonPlus(-1), false],
    ['no time', false],
  ])('from noon: a grant that was made at %s is within: %s', (creationTimestamp, expected) => {
    expect(isWithin(windowAt(noon, HOURLY), creationTimestamp)).toBe(expected);
  });
});

describe('the names of slots', () => {
  it('are as many as there are uses, and the same on every replica', () => {
    expect(slotNames(OWNER, HOURLY, windowAt(noon, HOURLY))).toEqual([
      'read-77262422ab-0',
      'read-77262422ab-1',
      'read-77262422ab-2',
    ]);
  });

  it('differ by owner and window', () => {
    const prefixes = [
      slotPrefix(OWNER, windowAt(noon, HOURLY)),
      slotPrefix(OWNER, windowAt(noon + 3_600_000, HOURLY)),
      slotPrefix({ ...OWNER, policy: 'other' }, windowAt(noon, HOURLY)),
      slotPrefix({ ...OWNER, agentNamespace: 'prod' }, windowAt(noon, HOURLY)),
      // Not the same text when the parts are put one after the other.
      slotPrefix({ ...OWNER, policy: 'coding-agentsr', rule: 'ead' }, windowAt(noon, HOURLY)),
    ];
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });

  it('have the form that is the controller’s alone, and fit an object', () => {
    const rule = fc.stringMatching(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(rule, fc.integer({ min: 1, max: 10_000 }), (name, uses) => {
        const names = slotNames(
          { ...OWNER, rule: name },
          { ...HOURLY, uses },
          windowAt(noon, HOURLY),
        );
        const last = names.at(-1) ?? '';
        expect(SLOT_NAME.test(last) && last.length <= 253).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.each(['read-0123456789', 'read-0123456789-x', 'read-x7f2k', 'read-0123456789-01'])(
    'are not of the form of %s',
    (name) => {
      expect(SLOT_NAME.test(name)).toBe(false);
    },
  );
});
