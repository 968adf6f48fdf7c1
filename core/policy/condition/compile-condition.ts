/** The way into this folder for whoever reads policies. */

import { type Position, positionIn } from '../../text/position.ts';
import { Refused } from './admit.ts';
import { proveBounds } from './canary.ts';
import { type Condition, conditionIn } from './condition.ts';
import { type ConditionKind, environmentFor } from './environment.ts';

export interface ConditionError {
  readonly at: Position;
  readonly reason: string;
  readonly wayOut: string;
}

export type Compiled =
  | { readonly condition: Condition; readonly error?: undefined }
  | { readonly condition?: undefined; readonly error: ConditionError };

let isProven = false;

/** Throws for nothing that an author can write. */
export function compileCondition(kind: ConditionKind, source: string): Compiled {
  if (!isProven) proveBounds();
  isProven = true;
  try {
    return { condition: conditionIn(environmentFor(kind), source) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { message, offset, wayOut } = error;
    return { error: { at: positionIn(source, offset), reason: message, wayOut } };
  }
}
