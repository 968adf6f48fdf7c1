/** What a sidecar refused since its last report. The controller makes Events on the pod of it. */

import { isProblemCode, type ProblemCode } from '../api/problem.ts';
import { integer, malformed, record, textMatching } from '../text/members.ts';

/** Refusals of different kinds that one report may hold. */
export const MAX_REFUSALS_REPORTED = 16;
/** How many refusals of one kind one report may count. */
export const MAX_REFUSAL_COUNT = 1_000_000;
export const MAX_ATTEMPTED_CHARACTERS = 160;

export interface RefusalReport {
  refusals: readonly ReportedRefusal[];
}

export interface ReportedRefusal {
  code: ProblemCode;
  /** What was tried, printable ASCII, at most `MAX_ATTEMPTED_CHARACTERS`: the agent's words. Never a query, a header or a body. */
  attempted: string;
  /** How often since the last report. */
  count: number;
}

const ATTEMPTED = new RegExp(`^[ -~]{1,${MAX_ATTEMPTED_CHARACTERS}}$`);

/** @throws ProblemError RequestMalformed, naming the member */
export function parseRefusalReport(value: unknown): RefusalReport {
  const { refusals } = record(value, 'body', ['refusals']) as { refusals: unknown };
  if (
    !Array.isArray(refusals) ||
    refusals.length === 0 ||
    refusals.length > MAX_REFUSALS_REPORTED
  ) {
    throw malformed('refusals', `must be a list of 1 to ${MAX_REFUSALS_REPORTED} objects`);
  }
  return {
    refusals: refusals.map((item, index) => parseReportedRefusal(item, `refusals[${index}]`)),
  };
}

function parseReportedRefusal(value: unknown, field: string): ReportedRefusal {
  const o = record(value, field, ['code', 'attempted', 'count']);
  if (!isProblemCode(o['code'])) throw malformed(`${field}.code`, 'must be a problem code');
  return {
    code: o['code'],
    attempted: textMatching(
      o['attempted'],
      `${field}.attempted`,
      ATTEMPTED,
      `1 to ${MAX_ATTEMPTED_CHARACTERS} printable ASCII characters`,
    ),
    count: integer(o['count'], `${field}.count`, 1, MAX_REFUSAL_COUNT),
  };
}
