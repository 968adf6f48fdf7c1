/** A part of `make test`. */
export interface Stage {
  /** A script of package.json. */
  readonly script: string;
  readonly kind: 'check' | 'vitest';
  /** Scripts of the stages that must have ended before, however they ended. */
  readonly after?: readonly string[];
  /** Why this machine can't run it, or undefined if it can. */
  readonly whyNot?: () => string | undefined;
}

/**
 * Runs every stage once those that it comes after have ended; one that is not among `stages` is not waited for. Resolves with
 * the results in the order of `stages`.
 */
export function runInOrder<T>(
  stages: readonly Stage[],
  run: (stage: Stage) => Promise<T>,
): Promise<T[]> {
  const results = new Map<string, Promise<T>>();
  for (const stage of stages) {
    const before = (stage.after ?? []).map((script) => results.get(script));
    results.set(
      stage.script,
      Promise.allSettled(before).then(() => run(stage)),
    );
  }
  return Promise.all(results.values());
}

/** Whether no other of these stages can run at the same time, so that the terminal is its own. */
export function runsAlone(stage: Stage, stages: readonly Stage[]): boolean {
  const before = earlier(stage, stages);
  return stages.every(
    (other) => other === stage || before.has(other) || earlier(other, stages).has(stage),
  );
}

/** All that have ended when this one starts. */
function earlier({ after = [] }: Stage, stages: readonly Stage[]): Set<Stage> {
  const direct = stages.filter(({ script }) => after.includes(script));
  return new Set(direct.flatMap((stage) => [stage, ...earlier(stage, stages)]));
}
