/** The note of an Event: what of a report does not fit is said, not cut. */

import { expect, test } from 'vitest';
import { createRefusalHandler } from '../../../../controller/exchange/refusals.ts';
import type { Caller } from '../../../../controller/use/caller.ts';
import { NOTE_LIMIT_BYTES } from '../../../../core/kubernetes/event-object.ts';
import type { ReportedRefusal } from '../../../../core/wire/refusals.ts';

const CALLER: Caller = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'agent-0',
  podUID: '7f4e1f0e-5a37-4c64-9d5c-0e4f5c0b2f11',
};

function noteOf(refusals: readonly ReportedRefusal[]): string {
  const notes: string[] = [];
  const handler = createRefusalHandler({
    events: { record: ({ note }) => void notes.push(note), flush: async () => {} },
    rateLimiter: { take() {} },
  });
  handler.report(CALLER, { refusals });
  expect(notes).toHaveLength(1);
  return notes[0] ?? '';
}

const calls = (kinds: number, length: number): ReportedRefusal[] =>
  Array.from({ length: kinds }, (_, index) => ({
    code: 'GrantRequired',
    attempted: `GET /${index}/`.padEnd(length, '"'),
    count: 100 - index,
  }));
const SSH: ReportedRefusal = {
  code: 'ProtocolRefused',
  attempted: 'SSH to a.example:22',
  count: 1,
};

test('what is no HTTP comes first: its client was told nothing; then what was most frequent', () => {
  const note = noteOf([...calls(3, 10).toReversed(), SSH]);
  expect(note).toMatch(/^The sidecar refused 298 calls; .*words\. 1 x ProtocolRefused \(/);
  expect([...note.matchAll(/(\d+) x /g)].map(([, count]) => count)).toEqual([
    '1',
    '100',
    '99',
    '98',
  ]);
  expect(note).not.toContain('more kind');
});

// Quotes are escaped: a note can be twice as long as what was reported.
test.each([20, 40, 60, 160])('all that fits is there, and the rest is counted (%i)', (length) => {
  const note = noteOf([...calls(15, length), SSH]);
  expect(Buffer.byteLength(note)).toBeLessThanOrEqual(NOTE_LIMIT_BYTES);
  const shown = [...note.matchAll(/\d+ x \w+ \(/g)].length;
  expect(shown).toBeGreaterThan(1);
  const [, more] = /; and (\d+) more kinds$/.exec(note) ?? [];
  expect(shown + Number(more)).toBe(16);
  expect(note).toContain('SSH to a.example:22');
});

test('one kind that does not fit is one kind', () => {
  const long = calls(3, 160).map((refusal) => ({ ...refusal, attempted: '"'.repeat(160) }));
  expect(noteOf([SSH, ...long])).toMatch(/; and 1 more kind$/);
});
