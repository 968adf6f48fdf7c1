import type { CallServer } from './call-server.ts';
import type { InterceptObserver } from './event.ts';
import type { HeadBudget } from './head-budget.ts';
import type { InterceptLimits } from './limits.ts';

/** What either version of HTTP needs to serve a connection. */
export interface HTTPOptions {
  readonly limits: InterceptLimits;
  /** Shared by every connection. */
  readonly heads: HeadBudget;
  readonly calls: CallServer;
  readonly onEvent: InterceptObserver;
}
