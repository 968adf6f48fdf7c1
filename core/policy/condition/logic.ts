/**
 * Operators that need true or false. The engine's own errors name the type of what they got instead, and the engine keeps every type
 * that it named; these name none.
 */

import { Failure } from './failure.ts';
import type { Fuel } from './fuel.ts';
import type { Evaluate, Node } from './node.ts';

const WRONG_TYPE = new Failure('wrong_type');

export function checkBool(value: unknown): void {
  if (typeof value !== 'boolean') throw WRONG_TYPE;
}

export function checkNumber(value: unknown): void {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw WRONG_TYPE;
}

/**
 * `&&` and `||` as CEL has them: one operand that decides is enough, even where the other one fails.
 * @param decides false for `&&`, true for `||`
 */
export function logical(node: Node, decides: boolean, fuel: Fuel): Evaluate {
  const [left, right] = node.args as [Node, Node];
  return (engine, _node, context) => {
    const first = engine.tryEval(left, context);
    if (fuel.spent) throw first;
    if (first === decides) return decides;
    const second = engine.run(right, context);
    if (second === decides) return decides;
    checkBool(second);
    if (first instanceof Error) throw first;
    checkBool(first);
    return !decides;
  };
}
