import { Failure } from './failure.ts';

/**
 * What an evaluation may still cost. It is sticky: `exists`, `all`, `||` and `&&` swallow errors, so whoever asked for the result
 * asks whether the fuel is spent as well.
 */
export class Fuel {
  #left = 0;
  #spent = false;

  fill(units: number): void {
    this.#left = units;
    this.#spent = false;
  }

  /** @throws OUT_OF_FUEL if there is not so much of it */
  burn(units: number): void {
    this.#left -= units;
    // What is no number must not pass for enough.
    if (this.#left >= 0) return;
    this.#spent = true;
    throw OUT_OF_FUEL;
  }

  /** For what is past its bound, whatever is left. */
  burnAll(): never {
    this.#left = -1;
    this.#spent = true;
    throw OUT_OF_FUEL;
  }

  get spent(): boolean {
    return this.#spent;
  }

  get left(): number {
    return Math.max(0, this.#left);
  }
}

/** One for all: it is thrown often, and nothing but its being thrown matters. */
const OUT_OF_FUEL = new Failure('out_of_fuel');
