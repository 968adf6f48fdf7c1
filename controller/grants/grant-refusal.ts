/** A sentence that refuses a grant, and that the chart's policies restate. */

/** Values of a sentence, by name. */
type Values = Readonly<Record<string, string>>;

export interface GrantRefusal<V extends Values> {
  readonly field: string;
  /** Reads on from the field: what is wrong, and the way out. Without the full stop. */
  readonly reason: (values: V) => string;
  /** The same where the values are not known: the policy's `message`. */
  readonly general: string;
}

/** How a sentence goes on that leaves the decision to a person. */
export const LET_SOMEBODY_ELSE = 'and have someone else decide, or have';
