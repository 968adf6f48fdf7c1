import type { Environment } from './environment.ts';

/** One line of the table, and one member of the JSON. */
export interface Figure {
  readonly key: string;
  readonly value: number;
  /** What the number is of. */
  readonly meaning: string;
  /** What it should be. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

export interface Benchmark {
  readonly name: string;
  /** @param environment started on first use, and shared */
  run(environment: () => Promise<Environment>, say: (line: string) => void): Promise<Figure[]>;
}

export function isMet({ value, goal }: Figure): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}
