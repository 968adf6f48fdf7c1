/** The README's quick start as data: its commands in their order, and what its comments say that they print. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/tools.ts';

const SECTION = 'Five minutes on your own cluster';
/** What the comment behind a command quotes; those behind others say what it is for. */
const QUOTED = /^call$|^kubectl \S+ \S+ events /;

/** One command as somebody pastes it, several lines of it together. */
export interface Command {
  readonly text: string;
  /** What it prints, with `…` and `xxxxx` for what differs; undefined where the README does not say. */
  readonly prints: string | undefined;
}

/** @throws Error if the README has no such section */
export function quickStart(): Command[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, section] = new RegExp(`^## ${SECTION}\n(.*?)^## `, 'ms').exec(readme) ?? [];
  if (section === undefined) throw new Error(`README.md has no section "${SECTION}"`);
  const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks.flatMap(([, block = '']) => commandsOf(block));
}

/** A command ends with its line, unless that goes on with a backslash or is the beginning of a function. */
function commandsOf(block: string): Command[] {
  const found = block.match(/^\w+\(\) \{\n(?:.*\n)*?\}$|^(?:.*\\\n)*.*[^\\\n]$/gm) ?? [];
  return found.map((whole) => {
    const [, text = whole, comment] = /^(.*?)\s+# (.*)$/s.exec(whole) ?? [];
    return { text, prints: QUOTED.test(text) ? comment : undefined };
  });
}

/** What a text has in it that is quoted like this, whatever its lines. */
export function asQuoted(quote: string): RegExp {
  const escaped = quote.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = escaped.replaceAll('…', '.*').replaceAll('xxxxx', '[a-z0-9]{5}');
  return new RegExp(pattern.replaceAll(' ', '\\s+'), 's');
}
