/** Errors of evaluation that are ours. They have codes as the engine's have, and no stack: most are made to be swallowed. */

export type FailureCode =
  | 'out_of_fuel'
  | 'wrong_type'
  | 'too_long'
  | 'nested_too_deep'
  | 'out_of_range';

export class Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode) {
    super(code);
    this.name = 'Failure';
    this.code = code;
    this.stack = '';
  }
}
