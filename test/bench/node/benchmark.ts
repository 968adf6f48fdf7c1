import type { Figure } from '../benchmark.ts';
import type { BenchStage } from './stage.ts';

/** One of `make bench-e2e`. */
export interface NodeBenchmark {
  readonly name: string;
  run(stage: BenchStage, say: (line: string) => void): Promise<Figure[]>;
}
