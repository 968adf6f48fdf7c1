/** What operators and functions cost, by the size of their operands. */

import { Failure } from './failure.ts';
import type { Fuel } from './fuel.ts';
import { weightOf } from './json-value.ts';
import { CONVERSIONS } from './language.ts';
import { MAX_NUMERAL, MAX_STRING, MAX_TYPE_DEPTH, TIME_ZONE_PRICE } from './limits.ts';

/** Elements or members. */
export function sizeOf(container: unknown): number {
  if (Array.isArray(container)) return container.length;
  if (container instanceof Map) return container.size;
  return typeof container === 'object' && container !== null ? Object.keys(container).length : 0;
}

/** Of one operand. @param deep whether all of it is looked at, and not only its size */
function operandPrice(fuel: Fuel, value: unknown, deep: boolean): number {
  if (typeof value === 'string') {
    return value.length > MAX_STRING ? fuel.burnAll() : value.length >> 4;
  }
  if (typeof value !== 'object' || value === null) return 0;
  const known = weightOf(value);
  if (known !== undefined) return deep ? known : 1;
  // Made by the expression itself.
  let price = 1 + (sizeOf(value) >> 3);
  if (deep) for (const each of membersOf(value)) price += 1 + operandPrice(fuel, each, true);
  return price;
}

/** A map that is written out in the expression is a plain object. */
function membersOf(container: object): Iterable<unknown> {
  if (Array.isArray(container)) return container;
  if (container instanceof Map) return container.values();
  return Object.getPrototypeOf(container) === Object.prototype ? Object.values(container) : [];
}

/** @throws if the engine would make a type of it that it keeps for ever */
function checkTypeDepth(value: unknown): void {
  if (typeof value !== 'object') return;
  let each: unknown = value;
  for (let depth = 0; typeof each === 'object' && each !== null; depth++) {
    if (depth > MAX_TYPE_DEPTH) throw new Failure('nested_too_deep');
    const [first] = membersOf(each);
    each = first;
  }
}

/** Before an operator of two operands is applied. */
export function payForOperator(fuel: Fuel, op: string, left: unknown, right: unknown): void {
  checkTypeDepth(left);
  checkTypeDepth(right);
  const equality = op === '==' || op === '!=';
  const membership = op === 'in';
  const a = operandPrice(fuel, left, equality || membership);
  const b =
    membership && right instanceof Map ? 1 : operandPrice(fuel, right, equality || membership);
  if (equality) fuel.burn(1 + Math.min(a, b));
  else if (membership) fuel.burn(1 + b + a * sizeOf(right));
  else fuel.burn(1 + a + b);
}

/** What an operator made that makes more of its operands. */
export function payForResult(fuel: Fuel, result: unknown): void {
  fuel.burn(operandPrice(fuel, result, false));
}

/** Before a function is called. @param operands the receiver first */
export function payForFunction(fuel: Fuel, name: string, operands: readonly unknown[]): void {
  const [first, second] = operands;
  if (CONVERSIONS.has(name) && typeof first === 'string' && first.length > MAX_NUMERAL) {
    throw new Failure('too_long');
  }
  let price = 1 + (name.startsWith('get') && operands.length > 1 ? TIME_ZONE_PRICE : 0);
  for (const each of operands) {
    checkTypeDepth(each);
    price += operandPrice(fuel, each, name === 'join');
  }
  fuel.burn(price + ownPrice(name, first, second));
}

function ownPrice(name: string, first: unknown, second: unknown): number {
  const length = lengthOf(first);
  switch (name) {
    case 'join':
      return (sizeOf(first) * lengthOf(second)) / 16;
    case 'contains':
    case 'indexOf':
      // The naive search: a long needle that almost fits everywhere.
      return (length * lengthOf(second)) / 1024;
    case 'split':
    case 'lowerAscii':
    case 'upperAscii':
      return length / 2;
    default:
      return 0;
  }
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}
