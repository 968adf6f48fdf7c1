import { describe, expect, it } from 'vitest';
import { isTerminal, PHASE_MOVES, type Phase } from '../../../../core/api/phase.ts';

const PHASES = Object.keys(PHASE_MOVES).filter((phase) => phase !== '') as Phase[];

describe('the phases', () => {
  it('that end a grant are these, and nothing leaves them', () => {
    expect(PHASES.filter(isTerminal)).toEqual(['Finished', 'Denied', 'Expired', 'Revoked']);
  });

  it('lead only to phases, and never to themselves', () => {
    for (const [from, targets] of Object.entries(PHASE_MOVES)) {
      for (const to of targets) expect(PHASES).toContain(to);
      expect(targets).not.toContain(from);
      expect(new Set(targets).size).toBe(targets.length);
    }
  });

  it.each<[Phase, (Phase | '')[]]>([
    ['Pending', ['']],
    ['Approved', ['', 'Pending', 'InUse']],
    // The only consumption.
    ['InUse', ['Approved']],
    ['Finished', ['InUse']],
    ['Denied', ['', 'Pending']],
    ['Expired', ['', 'Pending', 'Approved']],
    ['Revoked', ['', 'Pending', 'Approved', 'InUse']],
  ])('%s is entered only from %j', (to, from) => {
    const entries = Object.entries(PHASE_MOVES).filter(([, targets]) => targets.includes(to));
    expect(entries.map(([phase]) => phase)).toEqual(from);
  });

  it('can all end', () => {
    const ends = (phase: Phase, seen: Phase[] = []): boolean =>
      isTerminal(phase) ||
      PHASE_MOVES[phase].some((next) => !seen.includes(next) && ends(next, [...seen, phase]));
    for (const phase of PHASES) expect(ends(phase)).toBe(true);
  });
});
