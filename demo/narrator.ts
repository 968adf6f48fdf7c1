/** Tells the demo: what is done, what came of it, and whether that is as it should be. */

export interface Narrator {
  title(text: string): void;
  say(text: string): void;
  /** A command as a person would type it, and what it printed. */
  command(line: string, output: string): void;
  /** Counts one thing that must be so. */
  check(what: string, holds: boolean): void;
  readonly passed: number;
  readonly failed: number;
}

const BOLD = '\u001b[1m';
const DIM = '\u001b[2m';
const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const RESET = '\u001b[0m';

/** Colours only where a terminal shows them. */
export function createNarrator(write: (text: string) => void, colours: boolean): Narrator {
  const paint = (colour: string, text: string): string =>
    colours ? `${colour}${text}${RESET}` : text;
  const counts = { passed: 0, failed: 0 };
  return {
    title: (text) => write(`\n${paint(BOLD, text)}\n`),
    say: (text) => write(`  ${text}\n`),
    command(line, output) {
      write(`  ${paint(BOLD, `$ ${line}`)}\n`);
      for (const row of output.trimEnd().split('\n')) write(`    ${paint(DIM, row)}\n`);
    },
    check(what, holds) {
      if (holds) counts.passed++;
      else counts.failed++;
      write(`  ${holds ? paint(GREEN, '✔') : paint(RED, '✘ NOT AS TOLD:')} ${what}\n`);
    },
    get passed() {
      return counts.passed;
    },
    get failed() {
      return counts.failed;
    },
  };
}
