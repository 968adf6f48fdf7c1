/**
 * The bounds hang on members of the engine's nodes that are no part of its interface. Before the first policy is read, and so in
 * every process that reads one, this proves that they still bite.
 */

import { Environment } from '@marcbachmann/cel-js';
import { conditionIn } from './condition.ts';
import { MAX_ITERATIONS } from './limits.ts';
import type { Variables } from './variables.ts';

/** @throws Error if an expression is evaluated past its bounds, or is not evaluated as it should be */
export function proveBounds(): void {
  const environment = new Environment().registerVariable('action', 'dyn');
  const outcome = (source: string, action: unknown) =>
    conditionIn(environment, source).evaluate({ action } as Variables);
  const tooMany = { list: Array.from({ length: MAX_ITERATIONS + 1 }, () => 2) };

  const used = outcome(
    "action.list.exists(x, x + 'b' == 'ab') && size(action.text) == 1 && action.text.lowerAscii() != 'k'",
    { list: ['a'], text: '\u212a' },
  );
  const swallowed = outcome('action.list.exists(x, x == 1) || true', tooMany);
  const untouched = outcome('true || action.list.exists(x, x == 1)', tooMany);

  const holds =
    used.ok &&
    used.value &&
    used.fuel >= 8 &&
    !swallowed.ok &&
    swallowed.reason === 'fuel' &&
    untouched.ok;
  if (!holds) throw new Error('the bounds of conditions do not hold with this engine');
}
