/**
 * The tree of an expression as @marcbachmann/cel-js makes it. `handle` and `meta` are not in its types; canary.ts proves that they
 * are what is said of them here, and its version is pinned.
 */

import type { ParseResult } from '@marcbachmann/cel-js';

export interface Node {
  readonly op: string;
  /** Text, nodes or lists of them, as `op` has it. */
  readonly args: unknown;
  /** In the source, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** What is done with the operands, once they are evaluated. Set by the type checker. */
  handle?: Handle;
  readonly meta: {
    /** What is done if there are neither an alternate nor a macro. */
    evaluate?: Evaluate;
    /** What is evaluated in the node's place: the comprehension that a macro stands for. */
    readonly alternate?: Node;
    readonly macro?: { readonly bindCtx?: Scope };
  };
}

export type Handle = (...operands: never[]) => unknown;

export type Evaluate = (engine: Engine, node: Node, context: unknown) => unknown;

interface Engine {
  run(node: Node, context: unknown): unknown;
  /** What was thrown is what is returned. */
  tryEval(node: Node, context: unknown): unknown;
}

/** Where the variable of a comprehension lives. It keeps its last value, and so the last body. */
export interface Scope {
  iterValue: unknown;
  accuValue: unknown;
  reuse(parent: unknown): unknown;
}

export interface Comprehension {
  readonly step: Node;
  readonly iterCtx: Scope;
}

export function rootOf(program: ParseResult): Node {
  return program.ast as unknown as Node;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** The nodes directly below, whatever the operator. */
export function childrenOf({ args }: Node): Node[] {
  return [args].flat(2).filter(isNode);
}

export interface CallNode {
  readonly name: string;
  readonly receiver: Node | undefined;
  readonly operands: readonly Node[];
}

/** Of a node whose operator is `call` or `rcall`. */
export function callOfNode({ op, args }: Node): CallNode {
  const [name, ...rest] = args as [string, ...unknown[]];
  return op === 'rcall'
    ? { name, receiver: rest[0] as Node, operands: rest[1] as Node[] }
    : { name, receiver: undefined, operands: rest[0] as Node[] };
}

/** Text of a literal string. */
export function literalText({ op, args }: Node): string | undefined {
  return op === 'value' && typeof args === 'string' ? args : undefined;
}

/**
 * Errors quote their line of the source, which takes longer than everything else in them, and `||` makes and drops many: the nodes
 * forget their source once it was checked. What macros stand for fails in these same nodes.
 */
export function forgetSource(root: Node): void {
  Object.defineProperty(root, 'input', { value: '' });
  for (const child of childrenOf(root)) forgetSource(child);
}
