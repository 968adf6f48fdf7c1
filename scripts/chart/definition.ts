/** A named template. */
export interface Definition {
  /** Behind `actiongrant.`. */
  readonly name: string;
  /** What it is, for who reads the chart. */
  readonly comment: string;
  readonly text: string;
}
