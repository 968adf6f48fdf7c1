import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process of a benchmark that answers every message with one, and ends with its parent. */
export class BenchChild implements Disposable {
  readonly #child: ChildProcess;

  /** @param url of the module it runs @param flags of Node */
  constructor(url: URL, flags: readonly string[] = []) {
    this.#child = fork(fileURLToPath(url), [], { execArgv: [...flags] });
  }

  async ask<Answer>(message: object): Promise<Answer> {
    const answered = new AbortController();
    const { signal } = answered;
    const exited = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('a process of the benchmark has ended');
    });
    this.#child.send(message);
    try {
      const [answer] = await Promise.race([once(this.#child, 'message', { signal }), exited]);
      return answer as Answer;
    } finally {
      exited.catch(() => {});
      answered.abort();
    }
  }

  /** Processor time so far, in microseconds. */
  processorMicroseconds(): number {
    return processorMicroseconds(this.#child.pid);
  }

  [Symbol.dispose](): void {
    // It ends by itself then, as when this process is killed.
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Processor time of a process so far, in microseconds (Linux; resolution 10 ms). */
export function processorMicroseconds(pid: number | undefined): number {
  // proc(5): utime and stime are the 12th and 13th field after the name in parentheses.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return ticks * 10_000;
}

/** Resident memory of a process now (Linux). */
export function residentMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** The module of this name beside the one that asks, in the language that this one runs in. */
export function besides(moduleURL: string, name: string): URL {
  const extension = moduleURL.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${extension}`, moduleURL);
}
