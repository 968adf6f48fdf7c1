/** The README's quick start as data: its commands in their order, and what they print. */

import { shellBlocks } from '../documents.ts';

const SECTION = 'Five minutes on your own cluster';

/** One command as somebody pastes it, several lines of it together. */
export interface Command {
  readonly text: string;
  /** What it prints, as `asQuoted` reads it; undefined where the README does not say. */
  readonly prints: string | undefined;
}

/** @throws Error if the README has no such section */
export function quickStart(): Command[] {
  const blocks = shellBlocks('README.md').filter(({ section }) => section === SECTION);
  if (blocks.length === 0) throw new Error(`README.md has no commands in "${SECTION}"`);
  return blocks.flatMap(({ text, prints }) => {
    const commands = commandsOf(text);
    // Output stands below the command that it is of, which is the last of its block.
    return commands.map((command, index) => ({
      text: command,
      prints: index === commands.length - 1 ? prints : undefined,
    }));
  });
}

/** A command ends with its line, unless that goes on with a backslash or is the beginning of a function. */
function commandsOf(block: string): string[] {
  return block.match(/^\w+\(\) \{\n(?:.*\n)*?\}$|^(?:.*\\\n)*.*[^\\\n]$/gm) ?? [];
}
