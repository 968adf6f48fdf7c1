/**
 * What a condition may be, and what one evaluation may cost. Every CEL engine that was measured can be held for seconds by an
 * expression of some lines; none of them has bounds of its own. One unit of fuel is at most about 0.3 µs.
 */

export const MAX_SOURCE_BYTES = 4096;
export const MAX_NODES = 512;
/** Of one comprehension; they do not nest. */
export const MAX_ITERATIONS = 256;
/** UTF-16 code units. */
export const MAX_STRING = 65_536;
/** Of what is converted: numbers, times. */
export const MAX_NUMERAL = 64;

/** Of one expression. */
export const EXPRESSION_FUEL = 50_000;
/** Of all expressions on one call: policies are many, and the agent chooses what each of them reads. */
export const CALL_FUEL = 75_000;

/** An error is made, thrown and caught, and most are swallowed by `||`. */
export const ERROR_PRICE = 16;
/** A time zone goes through Intl. */
export const TIME_ZONE_PRICE = 1000;

/**
 * How deep what is compared or measured may be nested, by its first elements: the engine keeps every type that it meets, such as
 * `list<map<string, list<int>>>`, for ever, and the agent would choose how many there are.
 */
export const MAX_TYPE_DEPTH = 6;
