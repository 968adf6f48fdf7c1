/** Refusals reach the controller soon, few at a time, and what does not is counted. */

import { beforeEach, describe, expect, it } from 'vitest';
import { type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';
import {
  MAX_REFUSALS_REPORTED,
  parseRefusalReport,
  type RefusalReport,
} from '../../../../core/wire/refusals.ts';
import { NoAnswerError } from '../../../../sidecar/exchange/answer.ts';
import {
  createRefusalReporter,
  type RefusalReporter,
} from '../../../../sidecar/exchange/report-refusals.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let clock: FakeClock;
let reports: RefusalReport[];
let unreported: number;
/** What becomes of the next reports; then they are taken. */
let answers: (() => Promise<void>)[];
let reporter: RefusalReporter;

beforeEach(() => {
  clock = new FakeClock();
  reports = [];
  unreported = 0;
  answers = [];
  reporter = createRefusalReporter({
    exchange: {
      reportRefusals: async (report) => {
        // As strict as the other end.
        reports.push(parseRefusalReport(structuredClone(report)));
        await answers.shift()?.();
      },
    },
    clock,
    log: silent,
    random: () => 1,
    unreported: (count) => {
      unreported += count;
    },
  });
});

const lost = () => Promise.reject(new NoAnswerError(true, new Error('lost')));
const refused = (code: ProblemCode) => () => Promise.reject(new ProblemError(code, 'No.'));
const refuse = (attempted: string, code: ProblemCode = 'GrantRequired') =>
  reporter.report({ code, attempted });
const reported = () => reports.map(({ refusals }) => refusals.map((r) => [r.attempted, r.count]));

describe('a refusal', () => {
  it('is reported after a moment, not at once', async () => {
    refuse('GET https://a.example/');
    await clock.advance(1_999);
    expect(reports).toEqual([]);
    await clock.advance(1);
    expect(reports).toEqual([
      { refusals: [{ code: 'GrantRequired', attempted: 'GET https://a.example/', count: 1 }] },
    ]);
    await clock.advance(600_000);
    expect(reports).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('is one of its kind: by code and words', async () => {
    for (const words of ['a', 'b', 'a', 'a']) refuse(words);
    refuse('a', 'AuthorityMismatch');
    await clock.advance(2_000);
    expect(reports[0]?.refusals).toEqual([
      { code: 'GrantRequired', attempted: 'a', count: 3 },
      { code: 'GrantRequired', attempted: 'b', count: 1 },
      { code: 'AuthorityMismatch', attempted: 'a', count: 1 },
    ]);
  });

  it('of any words makes a report that can be read', async () => {
    refuse('\u202e\n\0é'.repeat(100));
    refuse('');
    await clock.advance(2_000);
    expect(reports[0]?.refusals).toHaveLength(2);
  });

  it.each<ProblemCode>([
    'CallAborted',
    'DeadlineExceeded',
    'Internal',
    'UpstreamProtocolError',
    'UpstreamUnreachable',
    'UpstreamUnresolved',
  ])('is not what ends with %s', async (code) => {
    refuse('a', code);
    await clock.advance(60_000);
    expect(reports).toEqual([]);
    expect(unreported).toBe(0);
  });
});

describe('what is not reported is counted', () => {
  it('when there are too many kinds', async () => {
    for (let i = 0; i < MAX_REFUSALS_REPORTED + 5; i++) refuse(`GET /${i}`);
    refuse('GET /0');
    expect(unreported).toBe(5);
    await clock.advance(2_000);
    expect(reports[0]?.refusals).toHaveLength(MAX_REFUSALS_REPORTED);
    expect(reports[0]?.refusals[0]?.count).toBe(2);
    refuse('again');
    await clock.advance(2_000);
    expect(reported()[1]).toEqual([['again', 1]]);
  });

  it('when there are more of a kind than a report can say', async () => {
    for (let i = 0; i < 1_000_002; i++) refuse('a');
    await clock.advance(2_000);
    expect(reported()).toEqual([[['a', 1_000_000]]]);
    expect(unreported).toBe(2);
  });

  it('when the controller does not take it', async () => {
    answers = [refused('NotFound')];
    refuse('a');
    refuse('a');
    await clock.advance(60_000);
    expect(reports).toHaveLength(1);
    expect(unreported).toBe(2);
  });

  it('when there is no room for it beside what came meanwhile', async () => {
    answers = [
      () => {
        for (let i = 0; i < MAX_REFUSALS_REPORTED; i++) refuse(`GET /${i}`);
        return lost();
      },
    ];
    refuse('first');
    await clock.advance(2_000);
    expect(unreported).toBe(1);
  });

  it('after the end', async () => {
    await reporter.close();
    refuse('a');
    await clock.advance(60_000);
    expect(reports).toEqual([]);
    expect(unreported).toBe(1);
  });
});

describe('a report', () => {
  it.each([
    ['lost', lost],
    ['refused for now', refused('TooManyRequests')],
  ])('that is %s is made again, with what came since, ever more seldom', async (_, answer) => {
    answers = [answer, answer, answer];
    refuse('a');
    await clock.advance(2_000);
    refuse('a');
    refuse('b');
    await clock.advance(4_000);
    expect(reported()).toEqual([
      [['a', 1]],
      [
        ['a', 2],
        ['b', 1],
      ],
    ]);
    await clock.advance(7_999);
    expect(reports).toHaveLength(2);
    await clock.advance(1);
    expect(reports).toHaveLength(3);
    await clock.advance(16_000);
    expect(reports).toHaveLength(4);
    expect(unreported).toBe(0);
    refuse('c');
    await clock.advance(2_000);
    expect(reported()[4]).toEqual([['c', 1]]);
  });

  it('is made at least once a minute while the controller is away', async () => {
    answers = Array.from({ length: 20 }, () => lost);
    refuse('a');
    await clock.advance(600_000);
    const before = reports.length;
    await clock.advance(60_000);
    expect(reports.length).toBe(before + 1);
  });

  it('is never made while another is under way', async () => {
    const answer = Promise.withResolvers<void>();
    answers = [() => answer.promise];
    refuse('a');
    await clock.advance(2_000);
    refuse('b');
    await clock.advance(60_000);
    expect(reported()).toEqual([[['a', 1]]]);
    answer.resolve();
    await clock.advance(2_000);
    expect(reported()).toEqual([[['a', 1]], [['b', 1]]]);
  });

  it('is made once more at the end, with all there is, and waited for', async () => {
    const answer = Promise.withResolvers<void>();
    answers = [() => answer.promise];
    refuse('a');
    await clock.advance(2_000);
    refuse('b');
    const closed = reporter.close();
    answer.resolve();
    await closed;
    expect(reported()).toEqual([[['a', 1]], [['b', 1]]]);
    expect(clock.pending).toBe(0);
  });

  it('that is lost at the end is counted', async () => {
    answers = [lost];
    refuse('a');
    await reporter.close();
    expect(unreported).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
