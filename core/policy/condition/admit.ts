/**
 * Holds an expression to its bounds: refuses what is not in the language, and makes every operator, call and comprehension pay its
 * price before it does anything.
 */

import { printable } from '../../text/url.ts';
import type { Fuel } from './fuel.ts';
import { BINARY, CHEAP, COMPREHENSIONS, FREE, FUNCTIONS, SELECTIONS } from './language.ts';
import { ERROR_PRICE, MAX_ITERATIONS, MAX_NODES } from './limits.ts';
import { checkBool, checkNumber, logical } from './logic.ts';
import { type BodyPart, bodyParts, chainOf } from './mentions.ts';
import {
  type Comprehension,
  callOfNode,
  childrenOf,
  type Handle,
  literalText,
  type Node,
  type Scope,
} from './node.ts';
import { OVERRIDES } from './overrides.ts';
import { payForFunction, payForOperator, payForResult, sizeOf } from './price.ts';

/** Why an expression is refused, and where in its source. */
export class Refused extends Error {
  readonly offset: number;
  readonly wayOut: string;

  constructor(reason: string, offset: number, wayOut: string) {
    super(reason);
    this.name = 'Refused';
    this.offset = offset;
    this.wayOut = wayOut;
  }
}

export interface Admitted {
  readonly mentions: ReadonlySet<BodyPart>;
  /** They keep what they saw last; whoever evaluates empties them. */
  readonly scopes: readonly Scope[];
  /** Whether it is the same on every call. */
  readonly isConstant: boolean;
}

/**
 * @param checkAlone type-checks a part of the source by itself
 * @throws Refused
 */
export function admit(
  root: Node,
  variables: ReadonlySet<string>,
  fuel: Fuel,
  checkAlone: (part: Node) => void,
): Admitted {
  const walk = new Walk(variables, fuel, checkAlone);
  walk.visit(root, { looping: false, inChain: false });
  return walk;
}

/** Of their first operand; of `?:` it is the condition. */
const CHECKED: ReadonlyMap<string, (value: unknown) => void> = new Map([
  ['!_', checkBool],
  ['?:', checkBool],
  ['-_', checkNumber],
]);

interface Place {
  readonly looping: boolean;
  /** Whether the node is what a further selection selects from. */
  readonly inChain: boolean;
}

class Walk implements Admitted {
  readonly mentions = new Set<BodyPart>();
  readonly scopes: Scope[] = [];
  isConstant = true;
  readonly #variables: ReadonlySet<string>;
  readonly #fuel: Fuel;
  readonly #checkAlone: (part: Node) => void;
  #nodes = 0;

  constructor(variables: ReadonlySet<string>, fuel: Fuel, checkAlone: (part: Node) => void) {
    this.#variables = variables;
    this.#fuel = fuel;
    this.#checkAlone = checkAlone;
  }

  /** @returns how many nodes there are in it: the price of evaluating it once more */
  visit(node: Node, place: Place): number {
    if (++this.#nodes > MAX_NODES) {
      throw new Refused(`has more than ${MAX_NODES} parts`, node.start, 'split the rule');
    }
    checkLiteral(node);
    if (node.op === 'call' || node.op === 'rcall') return this.#call(node, place);
    if (BINARY.has(node.op)) return this.#binary(node, place);
    if (CHEAP.has(node.op)) return this.#cheap(node, place);
    if (node.op === '&&' || node.op === '||') {
      node.meta.evaluate = logical(node, node.op === '||', this.#fuel);
    }
    if (FREE.has(node.op)) return this.#all(childrenOf(node), place);
    throw new Refused(
      `has the operator ${node.op}, which is not available`,
      node.start,
      'write it with has() and ?:',
    );
  }

  #all(nodes: readonly Node[], { looping }: Place): number {
    return nodes.reduce((sum, each) => sum + this.visit(each, { looping, inChain: false }), 1);
  }

  #binary(node: Node, place: Place): number {
    const fuel = this.#fuel;
    const { op } = node;
    const grows = op === '+';
    wrap(node, fuel, (apply) => (left, right, third, fourth) => {
      payForOperator(fuel, op, left, right);
      const result = apply(left, right, third, fourth);
      if (grows) payForResult(fuel, result);
      return result;
    });
    return this.#all(childrenOf(node), place);
  }

  #cheap(node: Node, place: Place): number {
    if (SELECTIONS.has(node.op)) {
      if (!place.inChain) this.#mention(node);
      if (node.op === 'id' && this.#variables.has(String(node.args))) this.isConstant = false;
    }
    this.#payForEach(node, place);
    const [first, ...others] = childrenOf(node);
    if (!SELECTIONS.has(node.op) || first === undefined) return this.#all(childrenOf(node), place);
    return this.visit(first, { looping: place.looping, inChain: true }) + this.#all(others, place);
  }

  /** Outside of a loop they are too few to pay for. */
  #payForEach(node: Node, { looping }: Place): void {
    const fuel = this.#fuel;
    const check = CHECKED.get(node.op);
    if (check === undefined && !looping) return;
    wrap(node, fuel, (apply) => (first, second, third, fourth) => {
      fuel.burn(1);
      check?.(first);
      return apply(first, second, third, fourth);
    });
  }

  #mention(node: Node): void {
    for (const part of bodyParts(chainOf(node))) this.mentions.add(part);
  }

  #call(node: Node, place: Place): number {
    const { name, receiver, operands } = callOfNode(node);
    if (COMPREHENSIONS.has(name)) return this.#comprehension(node, place);
    if (!FUNCTIONS.has(name)) {
      const wayOut =
        name === 'matches'
          ? 'use startsWith, endsWith, contains or split, or a pattern in paths'
          : `use one of ${[...FUNCTIONS].join(', ')}`;
      throw new Refused(`has ${printable(name, 60)}(), which is not available`, node.start, wayOut);
    }
    if (name === 'bind') return this.#bind(node, place);
    if (name === 'has') return this.#has(node, place);
    const fuel = this.#fuel;
    const override = OVERRIDES.get(name);
    wrap(node, fuel, (apply) => (given, second, third) => {
      const values = given as readonly unknown[];
      payForFunction(fuel, name, values);
      return override === undefined
        ? apply(given, second, third)
        : override(values, () => apply(given, second, third));
    });
    return this.#all(receiver === undefined ? operands : [receiver, ...operands], place);
  }

  #comprehension(node: Node, place: Place): number {
    const { name, receiver, operands } = callOfNode(node);
    if (place.looping) {
      throw new Refused(
        `has ${name}() inside of another one`,
        node.start,
        'compare with a list that is written out, or split the rule',
      );
    }
    const loop = node.meta.alternate;
    if (receiver === undefined || loop?.op !== 'comprehension') {
      throw new Refused(
        `has ${name}() without a variable and a condition`,
        node.start,
        `write list.${name}(x, x == 1)`,
      );
    }
    this.#refuseShadow(operands[0]);
    const { iterCtx, step } = loop.args as Comprehension;
    this.scopes.push(iterCtx);
    if (step.op === '?:')
      wrap(step, this.#fuel, (apply) => (condition, second, third, fourth) => {
        checkBool(condition);
        return apply(condition, second, third, fourth);
      });
    const body = this.#all(operands.slice(1), { looping: true, inChain: false });
    const fuel = this.#fuel;
    wrap(loop, fuel, (apply) => (items, second, third, fourth) => {
      const count = sizeOf(items);
      if (count > MAX_ITERATIONS) fuel.burnAll();
      fuel.burn(1 + count * body);
      return apply(items, second, third, fourth);
    });
    return body + this.visit(receiver, { ...place, inChain: false });
  }

  #bind(node: Node, place: Place): number {
    const { operands } = callOfNode(node);
    this.#refuseShadow(operands[0]);
    const scope = node.meta.macro?.bindCtx;
    if (scope !== undefined) this.scopes.push(scope);
    return this.#all(operands.slice(1), place);
  }

  /** The engine checks no more of it than its variable. */
  #has(node: Node, place: Place): number {
    const { operands } = callOfNode(node);
    const [selected] = operands;
    const chain = selected === undefined ? undefined : chainOf(selected);
    if (selected !== undefined && chain !== undefined && this.#variables.has(chain.variable)) {
      this.#checkAlone(selected);
    }
    return this.#all(operands, place);
  }

  #refuseShadow(variable: Node | undefined): void {
    if (variable === undefined || !this.#variables.has(String(variable.args))) return;
    throw new Refused(
      `gives a variable of its own the name ${String(variable.args)}`,
      variable.start,
      'choose another name',
    );
  }
}

function checkLiteral(node: Node): void {
  const isOther = node.op === 'value' && typeof node.args === 'object' && node.args !== null;
  const keys = node.op === 'map' ? (node.args as [Node, Node][]).map(([key]) => key) : [];
  const badKey = keys.find((key) => literalText(key) === undefined);
  if (!isOther && badKey === undefined) return;
  throw new Refused(
    'has a literal that is not available',
    (badKey ?? node).start,
    'write no uint, no bytes, and maps with literal strings as keys',
  );
}

/** The engine hands over four at most; a list of them would be made for every operator. */
type Apply = (first: unknown, second?: unknown, third?: unknown, fourth?: unknown) => unknown;

/** Everything that throws pays for the error as well. */
function wrap(node: Node, fuel: Fuel, paying: (apply: Apply) => Apply): void {
  const { handle } = node;
  if (handle === undefined) return;
  const paid = paying(handle as Apply);
  const bounded: Apply = (first, second, third, fourth) => {
    try {
      return paid(first, second, third, fourth);
    } catch (error) {
      fuel.burn(ERROR_PRICE);
      throw error;
    }
  };
  node.handle = bounded as Handle;
}
