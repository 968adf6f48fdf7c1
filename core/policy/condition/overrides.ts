/** Functions of the engine that do not do what the CEL specification says of them. */

import { Failure } from './failure.ts';

/** @param engine what the engine makes of it */
type Override = (operands: readonly unknown[], engine: () => unknown) => unknown;

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

export const OVERRIDES: ReadonlyMap<string, Override> = new Map<string, Override>([
  // The engine folds all of Unicode: the Kelvin sign would be a k.
  ['lowerAscii', ascii(/[A-Z]+/g, (letters) => letters.toLowerCase())],
  ['upperAscii', ascii(/[a-z]+/g, (letters) => letters.toUpperCase())],
  // The engine reads whatever JavaScript reads, in the time zone of the process.
  [
    'timestamp',
    ([value], engine) => {
      if (typeof value === 'string' && !RFC_3339.test(value)) {
        throw new Failure('out_of_range');
      }
      return engine();
    },
  ],
  // The engine gives a number that is no int.
  [
    'int',
    (_operands, engine) => {
      const result = engine();
      if (typeof result === 'bigint' && BigInt.asIntN(64, result) !== result) {
        throw new Failure('out_of_range');
      }
      return result;
    },
  ],
]);

function ascii(letters: RegExp, fold: (letters: string) => string): Override {
  return ([text]) => {
    if (typeof text !== 'string') throw new Failure('wrong_type');
    return text.replace(letters, fold);
  };
}
