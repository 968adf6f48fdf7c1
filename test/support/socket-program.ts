import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Result, Step } from './raw-sockets.ts';

/** A program for system calls on sockets (raw-sockets.ts), kept because starting one takes longer than what most tests ask of it. */
export class SocketProgram {
  readonly #child: ChildProcess;
  readonly #answers: Interface;
  readonly #ended: Promise<unknown>;
  #errors = '';

  /** @param into the command that becomes the program: where, and as whom */
  constructor(into: readonly string[]) {
    const [command = '', ...args] = [...into, process.execPath, 'test/support/raw-sockets.ts'];
    // It ends with its input, however this process ends.
    this.#child = spawn(command, args, { stdio: 'pipe' });
    this.#ended = once(this.#child, 'close');
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.on('data', (data) => {
      this.#errors += data;
    });
    this.#answers = createInterface({ input: this.#child.stdout ?? process.stdin });
  }

  /** One request at a time. @throws Error if the program ends, or takes too long */
  async run(
    steps: readonly Step[],
    seconds: number,
    withinMilliseconds: number,
  ): Promise<Result[]> {
    const signal = AbortSignal.timeout(withinMilliseconds);
    const answer = once(this.#answers, 'line', { signal });
    this.#child.stdin?.write(`${JSON.stringify({ steps, seconds })}\n`);
    const ended = this.#ended.then(() => {
      throw new Error(`the program on sockets ended: ${this.#errors}`);
    });
    const [line] = await Promise.race([answer, ended]);
    return JSON.parse(line);
  }

  async end(): Promise<void> {
    this.#child.stdin?.destroy();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
