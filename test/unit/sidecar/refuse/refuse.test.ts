import { describe, expect, it } from 'vitest';
import { PROBLEMS, type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';
import {
  REFUSAL_PROTOCOLS,
  type RefusalProtocolName,
} from '../../../../sidecar/refuse/protocols.ts';
import { renderRefusal } from '../../../../sidecar/refuse/refuse.ts';
import { callerOf, HEADS, header, render } from './render.ts';

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

const PROTOCOLS = Object.keys(REFUSAL_PROTOCOLS) as RefusalProtocolName[];

it('says when to try again, exactly if that can help', () => {
  for (const code of CODES) {
    const problem = new ProblemError(code, 'No.');
    for (const protocol of PROTOCOLS) {
      const refusal = render(problem, protocol);
      expect(header(refusal, 'retry-after')).toBe(problem.retryable ? '1' : undefined);
      expect(header(refusal, 'x-should-retry')).toBe(problem.retryable ? undefined : 'false');
    }
  }
});

it('no refusal shows the cause', () => {
  const problem = new ProblemError('Internal', 'No.', { cause: new Error('hunter2') });
  for (const protocol of PROTOCOLS) {
    expect(JSON.stringify(render(problem, protocol))).not.toContain('hunter2');
  }
});

describe('a refusal whose manifest finds no room', () => {
  const problem = new ProblemError('GrantRequired', 'No grant.', {
    field: 'action',
    manifest: `kind: ${'x'.repeat(1000)}\n`,
  });

  it.each(PROTOCOLS.filter((name) => REFUSAL_PROTOCOLS[name].hasManifest))(
    'goes without it, and says so (%s)',
    (protocol) => {
      const { status, body } = render(problem, protocol, 1_000);
      expect(status).toBe(403);
      expect(body).toContain('No grant. The grant that would allow it is left out');
      expect(body).not.toContain('xxx');
    },
  );

  it('has taken none, and takes what its bytes are otherwise', () => {
    const budget = new MemoryBudget(10_000);
    const hold = budget.hold();
    const { body } = renderRefusal({ problem }, callerOf(HEADS.git), hold);
    expect(Buffer.from(body).toString()).toContain('xxx');
    const left = 10_000 - body.length;
    expect(budget.hold().tryTake(left + 1)).toBe(false);
    renderRefusal({ problem }, callerOf(HEADS.git), { tryTake: () => false });
    expect(budget.hold().tryTake(left)).toBe(true);
  });
});
