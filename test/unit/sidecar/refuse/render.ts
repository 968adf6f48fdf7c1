import type { ProblemError } from '../../../../core/api/problem.ts';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';
import type { RefusalProtocolName } from '../../../../sidecar/refuse/protocols.ts';
import { renderRefusal } from '../../../../sidecar/refuse/refuse.ts';

/** The body as text. There is room for it, unless `room` says less. */
export function render(problem: ProblemError, protocol: RefusalProtocolName, room = 1_000_000) {
  const refusal = renderRefusal(problem, protocol, new MemoryBudget(room).hold());
  return { ...refusal, body: Buffer.from(refusal.body).toString() };
}

export const header = (refusal: ReturnType<typeof render>, name: string) =>
  refusal.headers.find(([n]) => n === name)?.[1];
