/** A condition: a CEL expression that was held to its bounds when its policy was read, and is held to them on every call. */

import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { positionIn } from '../../text/position.ts';
import { printable } from '../../text/url.ts';
import { type Admitted, admit, Refused } from './admit.ts';
import { VARIABLES } from './environment.ts';
import { Fuel } from './fuel.ts';
import { EXPRESSION_FUEL, MAX_SOURCE_BYTES } from './limits.ts';
import type { BodyPart } from './mentions.ts';
import { forgetSource, type Node, rootOf } from './node.ts';
import type { Variables } from './variables.ts';

/** Not ok is a Deny, whatever the effect of the rule: as "does not match" it would slip past an Ask. */
export type Outcome =
  | { readonly ok: true; readonly value: boolean; readonly fuel: number }
  | {
      readonly ok: false;
      readonly reason: 'error' | 'fuel';
      readonly message: string;
      readonly fuel: number;
    };

export interface Condition {
  readonly source: string;
  /** Parts of the body that it may read. */
  readonly mentions: ReadonlySet<BodyPart>;
  /** What it always is, if it reads nothing of the call. */
  readonly constant?: boolean;
  /** Never throws. @param available the fuel that the call has left; at most that of an expression is used */
  evaluate(variables: Variables, available?: number): Outcome;
}

/** @throws Refused */
export function conditionIn(environment: Environment, source: string): Condition {
  if (Buffer.byteLength(source) > MAX_SOURCE_BYTES) {
    throw new Refused(`is longer than ${MAX_SOURCE_BYTES} bytes`, 0, 'split the rule');
  }
  const program = parse(environment, source);
  checkType(program);
  const root = rootOf(program);
  const fuel = new Fuel();
  const admitted = admit(root, VARIABLES, fuel, (part) => checkAlone(environment, source, part));
  forgetSource(root);
  const evaluate = evaluator(program, source, admitted, fuel);
  const constant = admitted.isConstant ? evaluate(undefined) : undefined;
  return {
    source,
    mentions: admitted.mentions,
    ...(constant?.ok && { constant: constant.value }),
    evaluate,
  };
}

function evaluator(program: ParseResult, source: string, { scopes }: Admitted, fuel: Fuel) {
  return (variables: Variables | undefined, available = EXPRESSION_FUEL): Outcome => {
    const filled = Math.min(EXPRESSION_FUEL, available);
    fuel.fill(filled);
    // Most errors are made to be swallowed, and their stacks are what is dear in them.
    const traces = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    let value: unknown;
    let message = 'it is neither true nor false';
    try {
      value = (program as (context: unknown) => unknown)(variables);
    } catch (error) {
      message = failureOf(error, source);
    } finally {
      Error.stackTraceLimit = traces;
      for (const scope of scopes) {
        scope.reuse(undefined);
        scope.iterValue = scope.accuValue = undefined;
      }
    }
    const used = filled - fuel.left;
    if (fuel.spent) {
      return { ok: false, reason: 'fuel', message: 'it costs too much on this call', fuel: used };
    }
    return typeof value === 'boolean'
      ? { ok: true, value, fuel: used }
      : { ok: false, reason: 'error', message, fuel: used };
  };
}

function parse(environment: Environment, source: string): ParseResult {
  try {
    return environment.parse(source);
  } catch (error) {
    throw refusedBy(error, 0);
  }
}

function checkType(program: ParseResult): void {
  const { valid, type, error } = program.check();
  if (!valid) throw refusedBy(error, 0);
  if (type === 'bool') return;
  throw new Refused(
    `is of type ${type}, and must be true or false`,
    0,
    'compare it with something, such as == true',
  );
}

function checkAlone(environment: Environment, source: string, { start, end }: Node): void {
  const { valid, error } = environment.check(source.slice(start, end));
  if (!valid) throw refusedBy(error, start);
}

/** An error of the engine. It may quote what the author wrote, and nothing else: there was no call yet. */
function refusedBy(error: unknown, offset: number): Refused {
  const { range } = error as { range?: { start: number } };
  const reason = `does not compile (${printable(messageOf(error))})`;
  return new Refused(
    reason,
    offset + (range?.start ?? 0),
    'write CEL over action, agent and now, with fields that the kind of the rule has',
  );
}

/** By the engine's code and the place: its words would have the values that the agent sent. */
function failureOf(error: unknown, source: string): string {
  const { code, range } = error as { code?: string; range?: { start: number } };
  const what = typeof code === 'string' ? code : 'error';
  if (range === undefined) return what;
  const { line, column } = positionIn(source, range.start);
  return `${what} at line ${line}, column ${column}`;
}

function messageOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  return (summary ?? message ?? 'unknown').split('\n', 1)[0] ?? '';
}
